// Package console prints traces to a terminal as waterfalls. A [Console] is shared by all the services of a process, so
// that a trace over several of them is one picture.
package console
