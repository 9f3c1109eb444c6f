// Package agent runs a task through a Gemini model and its tools, and makes a span of every step.
//
// A run asks the [Model] (step 0). As long as the answer is a request for tools, a step runs them and asks
// again with the results; the first answer without a request ends the run. One reply of the model may ask for
// several tools: they run at the same time, and their results go back in the order of the calls.
//
//	agent.task                      Agent.Run
//	├── llm.generate                step 0: the task and the tools on offer
//	├── agent.step.reasoning 1
//	│   ├── tool.current_time       Tool.Call, in parallel within one step
//	│   ├── tool.calculate
//	│   └── llm.generate            step 1: the results
//	│       ├── POST  503           one span an HTTP attempt, made by the HTTP client
//	│       └── POST  200
//	└── agent.step.reasoning 2 …    until the answer, the step limit or the deadline
//
// What the model does wrong (a tool that is not there, arguments that do not fit) and what a tool does wrong
// (an error, a panic, too slow, too long a result) goes back to the model as the result of the call. What only the
// caller or the operator can mend ends the run with an [*Error].
//
// The conversation belongs to the loop, its content to the model: a reply's [Turn] holds the model's own value and is
// sent back untouched, because Gemini refuses a history whose thought signatures were moved, merged or dropped.
package agent
