"""From a pushed commit to a release that devices can run.

    source        the commit's files, in a tar
    project       what they say: compose file, balena.yml, build variables; refused as balena's builder would
    engine        each service's image, by the classic builder of a container engine
    normalise     the same commit is the same image, whatever was in the engine's cache
    layers        where the layers are kept, for devices and deltas
    deltas        from what devices run to the new release
    collect       what no device needs any more goes
    cache         what builds leave in the engine, and that it does not grow without end
    release       all of this in one go

One build happens at a time (`release.one_at_a_time`). Who is killed leaves scratch in builds/ and a release that says
it is running: the next one sweeps both.
"""
