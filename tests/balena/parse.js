// Reads {name: composition} as JSON and answers {name: {refused} or {composition, contracts}}, as @balena/compose judges.
const { parse } = require("@balena/compose");
const compositions = JSON.parse(require("fs").readFileSync(0, "utf8"));

function judge(composition) {
  try {
    const normal = parse.normalize(composition);
    const contracts = parse.parse(normal).flatMap((image) => (image.contract ? [image.contract] : []));
    return { composition: normal, contracts };
  } catch (error) {
    return { refused: String(error) };
  }
}

const verdicts = Object.entries(compositions).map(([name, composition]) => [name, judge(composition)]);
console.log(JSON.stringify(Object.fromEntries(verdicts)));
