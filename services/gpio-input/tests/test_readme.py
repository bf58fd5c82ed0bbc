import re
from pathlib import Path

from picket.config import load

README = Path(__file__).parent.parent / "README.md"


def test_the_sample_configuration_is_one(tmp_path: Path) -> None:
    file = tmp_path / "picket.yaml"
    blocks = re.findall(r"```yaml\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)

    file.write_text("device: demo\n" + "".join(blocks))

    assert "garage" in load(file, {}).inputs
