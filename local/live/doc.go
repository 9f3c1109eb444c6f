// Package live shows the traces of a local run in a browser while they happen: each span appears when it starts, grows,
// and settles when it ends, over all services of the process.
//
//	Provider of the agent ──┐
//	Provider of a sub-agent ┼▶ Hub ──▶ GET /live/events (SSE) ──▶ the page: chat, waterfall, history
//	Provider of a service ──┘   ring                                │ POST /api/v1/agent/execute
//	                                     agent ◀── proxy ◀──────────┘
//
// A [Hub] is an OpenTelemetry span processor: give the same one to every tracer provider of the process. It keeps the
// newest traces, spans that are still open included, within bounds of count and bytes. [Hub.Handler] serves the page,
// the stream and, on the page's own origin, the agent, so that a browser needs no CORS.
//
// # The stream
//
// Everything on it is state, not history: an event says how a span is now, and saying it again changes nothing. A reader
// is a mark in the list of spans ordered by their last change, and has no buffer; one that is slow sees fewer states in
// between, one that takes nothing is dropped, and one that comes back names the last event it saw. Spans travel as
// OTLP/JSON, the form in which traces are saved and loaded, so that the page reads one format. A span without
// endTimeUnixNano is open.
//
//	event: hello  what this run is: agent, faults, limits; the reader forgets what it had
//	event: ring   the traces that are kept; the others are forgotten
//	event: turns  the requests that the page has sent, with their answers
//	event: spans  OTLP/JSON
//
// # Who may look
//
// The page shows prompts and answers. It is meant for a listener on a loopback address, and answers only requests whose
// Host is one, so that no website can read it by a name that resolves there; other origins cannot post. What models and
// tools wrote reaches the document as text only, and the content security policy allows nothing but the page's own files.
package live
