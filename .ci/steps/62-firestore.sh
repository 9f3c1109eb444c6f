# conversations on a Firestore that others wrote
server=$(npm_package @firestore-emulator/server 0.3.15)
export PEERS="${server%/node_modules/*}"
go test -count=1 -run Contract -v ./agent/session
go test -count=1 -run AConversationOutlivesItsProcess -v ./systemtest
