package searchservice

// collection is what the service knows: short texts written for this project, each in English and in Spanish.
var collection = []text{
	{
		ID: "ml-applications", Title: "Applications of machine learning",
		Text: "Machine learning is used where rules are hard to write down but examples are plentiful: reading scans" +
			" in hospitals, spotting fraud in card payments, translating speech, forecasting the demand for" +
			" electricity and steering warehouse robots. In each case a model learns from past examples and its" +
			" mistakes are measured on examples that it has never seen.",
		also: "aplicaciones aprendizaje automático salud medicina fraude traducción inteligencia artificial usos",
		Spanish: &text{ID: "ml-applications", Title: "Aplicaciones del aprendizaje automático", Text: "El aprendizaje automático (machine learning) se usa donde las reglas son difíciles de escribir y los " +
			"ejemplos abundan: leer imágenes médicas, detectar fraudes en pagos con tarjeta, traducir el habla, " +
			"prever la demanda de electricidad y guiar robots de almacén. En cada caso un modelo aprende de ejemplos " +
			"pasados y sus errores se miden con ejemplos que nunca ha visto."},
	},
	{
		ID: "ml-supervised", Title: "Supervised learning",
		Text: "In supervised learning every training example carries its right answer. The model adjusts its weights" +
			" until its own answers come close, and a held-out test set shows whether it has understood the pattern" +
			" or only memorised the examples.",
		also: "aprendizaje supervisado machine learning entrenamiento sobreajuste overfitting modelo",
		Spanish: &text{ID: "ml-supervised", Title: "Aprendizaje supervisado", Text: "En el aprendizaje supervisado cada ejemplo lleva su respuesta correcta. El modelo ajusta sus pesos hasta " +
			"que sus respuestas se acercan, y un conjunto de prueba aparte muestra si ha entendido el patrón o solo " +
			"ha memorizado los ejemplos."},
	},
	{
		ID: "ml-language-models", Title: "Large language models",
		Text: "A large language model predicts the next token of a text. Trained on enough text it can answer" +
			" questions, summarise and write code. It has no access to the world beyond its prompt, which is why" +
			" agents give it tools.",
		also: "modelos de lenguaje grandes llm gemini transformer inteligencia artificial ia machine learning",
		Spanish: &text{ID: "ml-language-models", Title: "Grandes modelos de lenguaje", Text: "Un gran modelo de lenguaje predice el siguiente token de un texto. Entrenado con texto suficiente puede " +
			"responder preguntas, resumir y escribir código. Más allá de su prompt no ve nada del mundo; por eso los " +
			"agentes le dan herramientas."},
	},
	{
		ID: "ml-agents", Title: "Agents and tool calls",
		Text: "An agent is a loop around a model. The model asks for a tool, the program runs it and hands the result" +
			" back, and the loop ends when the model answers in plain words or the step limit is reached. The steps" +
			" are few, but each can take seconds, so seeing them one by one matters.",
		also: "agentes herramientas llamadas a funciones function calling pasos bucle ia",
		Spanish: &text{ID: "ml-agents", Title: "Agentes y llamadas a herramientas", Text: "Un agente es un bucle alrededor de un modelo. El modelo pide una herramienta, el programa la ejecuta y " +
			"le devuelve el resultado, y el bucle termina cuando el modelo responde con palabras o se alcanza el " +
			"límite de pasos. Los pasos son pocos, pero cada uno puede durar segundos: conviene verlos uno a uno."},
	},
	{
		ID: "obs-signals", Title: "Logs, metrics and traces",
		Text: "Logs say what happened at one moment, metrics say how often and how much, traces say in which order" +
			" and why it took so long. They answer different questions, and a shared trace id ties them together.",
		also: "observabilidad observability registros métricas trazas telemetría monitorización",
		Spanish: &text{ID: "obs-signals", Title: "Registros, métricas y trazas", Text: "Los registros dicen qué pasó en un momento, las métricas con qué frecuencia y cuánto, las trazas en qué " +
			"orden y por qué tardó tanto. Responden a preguntas distintas, y un identificador de traza común las une."},
	},
	{
		ID: "obs-spans", Title: "Spans make up a trace",
		Text: "A span is one timed operation with a name, attributes and a parent. The spans of one request form a" +
			" tree, and the longest path through the tree is where time can be won. A span whose parent is missing" +
			" is an orphan and tells only half of its story.",
		also: "tramos trazas tracing distribuido árbol latencia rendimiento opentelemetry jaeger",
		Spanish: &text{ID: "obs-spans", Title: "Los tramos forman una traza", Text: "Un tramo (span) es una operación medida, con nombre, atributos y padre. Los tramos de una petición " +
			"forman un árbol, y en su camino más largo es donde se puede ganar tiempo. Un tramo sin padre es huérfano " +
			"y cuenta solo la mitad de su historia."},
	},
	{
		ID: "obs-propagation", Title: "Trace context between services",
		Text: "The trace id crosses a process boundary in a header: traceparent in the W3C format, X-B3-TraceId in" +
			" the older B3 format. A proxy in between may rewrite one of them, so it helps to send both and to say" +
			" which one wins.",
		also: "propagación contexto cabeceras traceparent b3 microservicios distributed tracing baggage opentelemetry",
		Spanish: &text{ID: "obs-propagation", Title: "El contexto de traza entre servicios", Text: "El identificador de traza cruza de un proceso a otro en una cabecera: traceparent en el formato del W3C, " +
			"X-B3-TraceId en el formato B3, más antiguo. Un proxy puede reescribir una de ellas; por eso ayuda enviar " +
			"ambas y decir cuál manda."},
	},
	{
		ID: "obs-sampling", Title: "Sampling traces",
		Text: "Keeping every trace of a busy service is costly and rarely useful. Head sampling decides at the first" +
			" span from the trace id, so that all services agree. Tail sampling waits for the end and can keep every" +
			" failure.",
		also: "muestreo trazas errores coste presupuesto",
		Spanish: &text{ID: "obs-sampling", Title: "Muestreo de trazas", Text: "Guardar todas las trazas de un servicio muy usado cuesta mucho y rara vez sirve. El muestreo en cabeza " +
			"decide en el primer tramo según el identificador, de modo que todos los servicios coinciden. El muestreo " +
			"en cola espera al final y puede guardar todos los fallos."},
	},
	{
		ID: "serverless-scaling", Title: "Serverless functions scale with requests",
		Text: "A serverless platform starts instances when requests come and stops them when they do not. You pay for" +
			" the time a request runs. The first request of a new instance is a cold start: the program must load" +
			" before it can answer, so start-up should wait for nothing that the request does not need.",
		also: "sin servidor funciones escalado arranque en frío cloud run nube costes",
		Spanish: &text{ID: "serverless-scaling", Title: "Las funciones sin servidor escalan con las peticiones", Text: "Una plataforma sin servidor arranca instancias cuando llegan peticiones y las para cuando no. Se paga el " +
			"tiempo que dura la petición. La primera petición de una instancia nueva es un arranque en frío: el " +
			"programa tiene que cargarse antes de responder, así que no debería esperar por nada que la petición no " +
			"necesite."},
	},
	{
		ID: "serverless-cpu", Title: "No CPU after the response",
		Text: "Many platforms take the processor away once the response is sent. Work that was left for the" +
			" background, such as exporting traces in batches, then stops in the middle. Telemetry has to be on its" +
			" way before the response ends.",
		also: "serverless sin servidor segundo plano telemetría exportar cloud functions flush",
		Spanish: &text{ID: "serverless-cpu", Title: "Sin CPU después de la respuesta", Text: "Muchas plataformas retiran el procesador cuando la respuesta ha salido. Lo que quedaba para el segundo " +
			"plano, como exportar trazas en lotes, se detiene a medias. La telemetría tiene que salir antes de que la " +
			"respuesta termine."},
	},
	{
		ID: "go-concurrency", Title: "Concurrency in Go",
		Text: "Goroutines are cheap enough to start one for each task, and a context carries the deadline and the" +
			" cancellation to all of them. The hard part is the end: every goroutine needs somebody who knows when" +
			" it stops.",
		also: "concurrencia golang gorutinas canales contexto paralelismo",
		Spanish: &text{ID: "go-concurrency", Title: "Concurrencia en Go", Text: "Las gorutinas son tan baratas que cada tarea puede tener la suya, y un contexto les lleva a todas el " +
			"plazo y la cancelación. Lo difícil es el final: cada gorutina necesita a alguien que sepa cuándo acaba."},
	},
	{
		ID: "go-errors", Title: "Errors in Go",
		Text: "An error in Go is a value that is returned. Wrapping adds what was being done, and the caller can" +
			" still ask for the cause. Good services keep two texts: one that tells the user what to do, and one for" +
			" the log.",
		also: "errores golang manejo de errores excepciones",
		Spanish: &text{ID: "go-errors", Title: "Errores en Go", Text: "En Go un error es un valor que se devuelve. Envolverlo añade qué se estaba haciendo, y quien llama aún " +
			"puede preguntar por la causa. Los buenos servicios guardan dos textos: uno le dice al usuario qué hacer, " +
			"y otro es para el registro."},
	},
	{
		ID: "mcp", Title: "The Model Context Protocol",
		Text: "The Model Context Protocol lets a program offer tools to any agent. Over HTTP each message is a POST" +
			" with JSON-RPC inside. A request may carry the trace context in its metadata, so that a tool call shows" +
			" up in the trace of the agent that made it.",
		also: "protocolo mcp herramientas servidor json rpc agentes tools",
		Spanish: &text{ID: "mcp", Title: "El Model Context Protocol", Text: "El Model Context Protocol permite que un programa ofrezca herramientas a cualquier agente. Sobre HTTP " +
			"cada mensaje es un POST con JSON-RPC dentro. Una petición puede llevar el contexto de traza en sus " +
			"metadatos, de modo que la llamada aparece en la traza del agente que la hizo."},
	},
}
