"""`fleet device`: makes a plain Debian machine with Docker run the release that its fleet has for it.

It looks at what containers, images, volumes and networks there are (`observe`), decides what to do about the difference
to the target (`plan`, pure), writes down what it begins (`folder`, progress.json), and does it (`converge`). It trusts
no memory of what it did: killed anywhere, it looks again. A release counts as applied when all its services have run
for a while (`gate`); else what ran before runs again, and that release is not tried again until the target changes.

Its folder (/var/lib/picket-fleet):

    device.json      who this is: uuid, key, server and its certificate's fingerprint, the fleet's signing key
    target.json      the server's last word that was signed as it should be
    good.json        the last release that proved itself: what a failed one is rolled back to
    rejected.json    the target that failed, and why
    restarts.json    the restarts that were asked for and are done
    downtimes.json   for how many seconds each service was away at its last update
    tags.json        what services want to be tagged with, and the server does not know yet (`supervisor`)
    progress.json    {"step": .., "release": commit, "services": [..]}: what it began last
    images/          <image id>.json, the config of each image it brought here: these, and no others, it removes again
    downloads/       deltas and layers, also half ones: they are resumed
    .lock            held by the agent that is at work: there is one

Steps, as progress.json names them, in the order in which they come; what does not apply is left out:

    download   get the delta, or the layers that the engine lacks
    load       rebuild the layers, each checked against its digest, into the engine
    sync       make the disk hold what the engine says it has
    prepare    make networks and volumes
    create     make the new containers, not started: what the engine refuses stops nothing
    lock       take the services' update locks, or wait for them
    stop       stop what is replaced; it stays, not started again by the engine, until the new one has proved itself
    rename     give kept containers the name of the release that they belong to now
    start      start the new containers, one by one, dependencies first
    hand-over  let the old container of a service go, when the new one says so or time is up
    judge      wait until all run as they should, or do not
    record     write good.json
    restart    restart services that somebody asked to
    clean      remove what no release needs any more: containers, images, downloads
    idle       all is as it should be

With the strategies kill-then-download and delete-then-download, lock and stop (and clean) come before download.
"""
