"""What balena's own command line asks of a cloud, answered for this fleet: `balena push`, `deploy`, `device list`, ...

    access    a person's token opens it; the tokens of `fleet token new`
    query     OData, as far as its questions go: $filter, $orderby, $top
    rows      the fleet's devices, releases, tags and variables, as rows of balena's model
    resources /v7/<resource>: questions and changes
    push      POST /v3/build: the builder
    deploy    a release whose images somebody else has built, and pushes into
    blobs     /v2/...: the registry, as far as a push goes
    logs      a device's log, once or as it comes

The rows have every field and every expansion that is ever asked for; $select and $expand need not be read then.
"""
