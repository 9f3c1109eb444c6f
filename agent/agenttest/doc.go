// Package agenttest tests an agent's tools and instructions without a model and without a network: a script takes the
// model's part, a fake service answers the tools, and the spans can be compared with a file.
//
//	b := agenttest.New(t)
//	b.Setenv("ORDERS_URL", b.Service(agenttest.JSON(200, `{"status": "on its way"}`)))
//	res := b.Run(agent.Config{Tools: function.Tools(b.Kit())}, "Where is order A-1042?",
//		agenttest.Call("order_status", map[string]any{"number": "A-1042"}), agenttest.Say("It is on its way."))
//	b.Golden("testdata/order_status.golden")
//
// [Bench.Sent] is what the model was asked: instructions, tools, the results of the calls. [Bench.Hides] is for secrets.
// A script says what the model would; whether a real model would say so is another question, which only it answers.
package agenttest
