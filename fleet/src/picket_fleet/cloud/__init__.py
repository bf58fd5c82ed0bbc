"""What balena's own command line asks of a cloud, answered for this fleet: `balena push`, `deploy`, `device list`, ...

    access    a person's token opens it; the tokens of `fleet token new`
    query     OData, as far as its questions go: $filter, $orderby, $top, $select, $expand
    filters   which rows are meant
    rows      the fleet, its devices and releases, as rows of balena's model
    values    tags and variables, likewise
    resources /v7/<resource>: questions and changes
    actions   what a device is told to do now
    push      POST /v3/build: the builder
    deploy    a release whose images somebody else has built, and pushes into
    blobs     /v2/...: the registry, as far as a push goes
    logs      a device's log, once or as it comes

The rows have every field and every expansion that is ever asked for.
"""
