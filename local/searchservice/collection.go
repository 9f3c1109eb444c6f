package searchservice

// collection is what the service knows: short texts written for this project.
var collection = []text{
	{
		ID: "ml-applications", Title: "Applications of machine learning",
		Text: "Machine learning is used where rules are hard to write down but examples are plentiful: reading scans" +
			" in hospitals, spotting fraud in card payments, translating speech, forecasting the demand for" +
			" electricity and steering warehouse robots. In each case a model learns from past examples and its" +
			" mistakes are measured on examples that it has never seen.",
		also: "aplicaciones aprendizaje automático salud medicina fraude traducción inteligencia artificial usos",
	},
	{
		ID: "ml-supervised", Title: "Supervised learning",
		Text: "In supervised learning every training example carries its right answer. The model adjusts its weights" +
			" until its own answers come close, and a held-out test set shows whether it has understood the pattern" +
			" or only memorised the examples.",
		also: "aprendizaje supervisado machine learning entrenamiento sobreajuste overfitting modelo",
	},
	{
		ID: "ml-language-models", Title: "Large language models",
		Text: "A large language model predicts the next token of a text. Trained on enough text it can answer" +
			" questions, summarise and write code. It has no access to the world beyond its prompt, which is why" +
			" agents give it tools.",
		also: "modelos de lenguaje grandes llm gemini transformer inteligencia artificial ia machine learning",
	},
	{
		ID: "ml-agents", Title: "Agents and tool calls",
		Text: "An agent is a loop around a model. The model asks for a tool, the program runs it and hands the result" +
			" back, and the loop ends when the model answers in plain words or the step limit is reached. The steps" +
			" are few, but each can take seconds, so seeing them one by one matters.",
		also: "agentes herramientas llamadas a funciones function calling pasos bucle ia",
	},
	{
		ID: "obs-signals", Title: "Logs, metrics and traces",
		Text: "Logs say what happened at one moment, metrics say how often and how much, traces say in which order" +
			" and why it took so long. They answer different questions, and a shared trace id ties them together.",
		also: "observabilidad observability registros métricas trazas telemetría monitorización",
	},
	{
		ID: "obs-spans", Title: "Spans make up a trace",
		Text: "A span is one timed operation with a name, attributes and a parent. The spans of one request form a" +
			" tree, and the longest path through the tree is where time can be won. A span whose parent is missing" +
			" is an orphan and tells only half of its story.",
		also: "tramos trazas tracing distribuido árbol latencia rendimiento opentelemetry jaeger",
	},
	{
		ID: "obs-propagation", Title: "Trace context between services",
		Text: "The trace id crosses a process boundary in a header: traceparent in the W3C format, X-B3-TraceId in" +
			" the older B3 format. A proxy in between may rewrite one of them, so it helps to send both and to say" +
			" which one wins.",
		also: "propagación contexto cabeceras traceparent b3 microservicios distributed tracing baggage opentelemetry",
	},
	{
		ID: "obs-sampling", Title: "Sampling traces",
		Text: "Keeping every trace of a busy service is costly and rarely useful. Head sampling decides at the first" +
			" span from the trace id, so that all services agree. Tail sampling waits for the end and can keep every" +
			" failure.",
		also: "muestreo trazas errores coste presupuesto",
	},
	{
		ID: "serverless-scaling", Title: "Serverless functions scale with requests",
		Text: "A serverless platform starts instances when requests come and stops them when they do not. You pay for" +
			" the time a request runs. The first request of a new instance is a cold start: the program must load" +
			" before it can answer, so start-up should wait for nothing that the request does not need.",
		also: "sin servidor funciones escalado arranque en frío cloud run nube costes",
	},
	{
		ID: "serverless-cpu", Title: "No CPU after the response",
		Text: "Many platforms take the processor away once the response is sent. Work that was left for the" +
			" background, such as exporting traces in batches, then stops in the middle. Telemetry has to be on its" +
			" way before the response ends.",
		also: "serverless sin servidor segundo plano telemetría exportar cloud functions flush",
	},
	{
		ID: "go-concurrency", Title: "Concurrency in Go",
		Text: "Goroutines are cheap enough to start one for each task, and a context carries the deadline and the" +
			" cancellation to all of them. The hard part is the end: every goroutine needs somebody who knows when" +
			" it stops.",
		also: "concurrencia golang gorutinas canales contexto paralelismo",
	},
	{
		ID: "go-errors", Title: "Errors in Go",
		Text: "An error in Go is a value that is returned. Wrapping adds what was being done, and the caller can" +
			" still ask for the cause. Good services keep two texts: one that tells the user what to do, and one for" +
			" the log.",
		also: "errores golang manejo de errores excepciones",
	},
	{
		ID: "mcp", Title: "The Model Context Protocol",
		Text: "The Model Context Protocol lets a program offer tools to any agent. Over HTTP each message is a POST" +
			" with JSON-RPC inside. A request may carry the trace context in its metadata, so that a tool call shows" +
			" up in the trace of the agent that made it.",
		also: "protocolo mcp herramientas servidor json rpc agentes tools",
	},
}
