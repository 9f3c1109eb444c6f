// A Firestore that shares no code with Google's or ours: @firestore-emulator/server. PEERS is a directory in which it is
// installed; the port comes as the argument.
const path = require("node:path");
const { createRequire } = require("node:module");
const peers = createRequire(path.join(process.env.PEERS, "package.json"));
const { FirestoreServer } = peers("@firestore-emulator/server");

const server = new FirestoreServer();
server.start(Number(process.argv[2])).then(() => console.log("listening"));
