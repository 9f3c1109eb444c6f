// Package toolschema prepares the JSON Schemas of tools, whoever wrote them: for the model, which gets them as they are
// or put right where that is known to be meant, and for checking arguments, which is done in bounded time or not at all.
//
//	the service's schema ─▶ Parse ─┬▶ refused: it refers to itself without end, too large, too deep
//	                               ├▶ Declared: what the model's service takes
//	                               └▶ Check: what this program can check; the service checks the rest
//
// A schema can be a program: references in a circle never end, doubled references take exponential time. What a schema
// costs is counted before anything runs it.
package toolschema
