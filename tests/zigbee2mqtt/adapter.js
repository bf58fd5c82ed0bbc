// A radio that is not there, for a real Zigbee2MQTT: `node -r adapter.js zigbee2mqtt/index.js`.
//
// What the devices of database.db send comes on standard input, a line each:
//
//     <network address> <endpoint> <cluster> <ZCL frame in hex> <link quality>      all but the frame in decimal
//
// and what is sent to them is confirmed, as by a device that does as it is told, and said on standard output:
//
//     radio: <IEEE address> <cluster> <command> <payload>

const readline = require("node:readline");
const {Adapter} = require("zigbee-herdsman/dist/adapter/adapter.js");
const {Zcl} = require("zigbee-herdsman");

const NETWORK = {panID: 6754, extendedPanID: "0xdddddddddddddddd", channel: 11, nwkUpdateID: 0};
const absent = async () => {
    throw new Error("no device answers");
};
const nothing = async () => {};

class Radio extends Adapter {
    hasZdoMessageOverhead = false;
    start = async () => {
        readline.createInterface({input: process.stdin}).on("line", (line) => {
            const [address, endpoint, clusterID, hex, linkquality] = line.split(" ");
            this.emit("zclPayload", received(Number(address), Number(endpoint), Number(clusterID), Buffer.from(hex, "hex"), Number(linkquality)));
        });
        return "resumed";
    };
    stop = nothing;
    reset = nothing;
    permitJoin = nothing;
    getCoordinatorIEEE = async () => "0x00124b0000000001";
    getCoordinatorVersion = async () => ({type: "none", meta: {revision: 1}});
    getNetworkParameters = async () => NETWORK;
    supportsBackup = async () => false;
    sendZdo = absent;
    waitFor = () => ({promise: new Promise(() => {}), cancel: () => {}});
    sendZclFrameToEndpoint = async (ieee, address, endpoint, frame, _timeout, unanswered) => {
        console.log(`radio: ${ieee} ${frame.cluster.name} ${frame.command.name} ${JSON.stringify(frame.payload)}`);
        if (unanswered) return undefined;
        if (frame.command.name === "read") return await absent();
        const said = {cmdId: frame.command.ID, statusCode: 0};
        const sequence = frame.header.transactionSequenceNumber;
        const {GLOBAL} = Zcl.FrameType;
        const {SERVER_TO_CLIENT} = Zcl.Direction;
        const answer = Zcl.Frame.create(GLOBAL, SERVER_TO_CLIENT, true, undefined, sequence, "defaultRsp", frame.cluster.ID, said, {});
        return received(address, endpoint, frame.cluster.ID, answer.toBuffer(), 100);
    };
    sendZclFrameToGroup = nothing;
    sendZclFrameToAll = nothing;
}

function received(address, endpoint, clusterID, data, linkquality) {
    const header = Zcl.Header.fromBuffer(data);
    return {address, endpoint, clusterID, header, data, linkquality, groupID: 0, wasBroadcast: false, destinationEndpoint: 1};
}

Adapter.create = async (...settings) => new Radio(...settings);
