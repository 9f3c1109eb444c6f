// Package geminisim is a Gemini API server for tests and for local runs without a key. It speaks the wire protocol of
// the Gemini API and of Vertex AI, so the real SDK is its client, and it refuses what Google refuses: a green run
// against it means that the real API would have taken every request.
//
//	request ─▶ path ─▶ key ─▶ JSON ─▶ model ─▶ parts, tools, turns, signatures ─▶ script ─▶ answer
//	            └───────┴──────┴───────┴── may refuse, in the API's words ─┘        └─ empty: the model
//
// # Use
//
// [New] makes a [Server], which is an [net/http.Handler]: give it to httptest.NewServer in a test or to an http.Server,
// and point the SDK's base URL at it (HTTPOptions.BaseURL, GOOGLE_GEMINI_BASE_URL or GOOGLE_VERTEX_BASE_URL).
//
// A test queues answers with [Server.Script]: [Text], [Calls], [Blocked], [MaxTokens], [MalformedCall], [Error],
// [QuotaExceeded], [Hang], [Reset], [Truncated] and others; [Reply.After] delays any of them. A request that is refused
// takes no answer from the script. [Server.Requests] shows what the client sent.
//
// # What it refuses
//
// Names that no message has, values of the wrong type, contents that are empty, roles other than user and model, turns
// out of order, function responses that do not match the calls before them, function names and schemas the API does
// not take, references that lead nowhere, data without a type, response schemas without a type, settings out of range,
// retired models, missing and wrong keys. The rules stand in rules_test.go, each with its source and its examples. And, for Gemini 3 and later, histories that
// lost a thought signature: the first function call of each step of the current turn must come back with the signature
// it was sent with, and a signature that was altered, or moved to another call, is refused wherever it stands.
// Where Google's wording is known, the message is Google's. The signatures Google documents for calls that no Gemini made
// are taken, and so is a model whose name looks like that of a newer Gemini.
//
// # The model
//
// Without a script a small deterministic model answers. It reads the last text of the user (English or Spanish), calls
// the declared functions the text asks for, several at once where it asks for several things, and makes an answer of
// their results. It tells what a function is for from its name: calculate, current_time, search, delegate_to_subagent
// and the like; others are called when the text names them. Token counts are estimates: four bytes are one token.
//
// # Streams
//
// streamGenerateContent sends a text in pieces, the signature in an empty text at the end, and in each chunk the usage
// so far; with alt=sse as server-sent events, without as one JSON array. [Config.WordTime] passes between the pieces. A
// script can break a stream off ([Reply.CutAfter]), let it fall silent ([Reply.StallAfter]), cut it in pieces anywhere
// ([Reply.Chopped]) and hold back each chunk until something else has happened ([Reply.Paced]).
package geminisim
