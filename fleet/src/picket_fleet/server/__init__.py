"""The server: devices ask it what to run, and tell it how they are; over HTTPS, and nobody without a key.

app           puts the handlers together; serve(folder) runs them until SIGTERM
access        who is asking
registration  a machine joins, with a provisioning key
state         what a device is to run; the agent waits here for the next release
report        what a device says of itself
log_stream    what its services say
files         deltas, layers, configs
registry      the token and delta calls of balena's supervisor
ledger        contacts and log lines, written some times a second
rollouts      releases that reach some devices first
repeating     both go on, whatever happens
changes       notices when the hook or the command line has written
compression   what is sent again is sent as the difference to what the device has (RFC 9842)
"""
