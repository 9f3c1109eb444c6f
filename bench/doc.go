// Package bench measures the whole program: what tracing costs an invocation, and how long a cold start takes. The
// programs it measures are beside it:
//
//	functionmain  what the platform's build makes of the function
//	costmain      the same with a second port that shows the process's memory figures and profiles
//	helloworld    the smallest function of the functions framework, to compare with
//
// Gemini and the trace backend are processes of their own (this package's test binary, started again), so that only
// the agent's CPU counts.
//
//	go test -run '^$' -bench . ./bench
package bench
