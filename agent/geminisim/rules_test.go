package geminisim_test

import "strings"

// refusal is a body the API answers 400 to, with part of what it says.
type refusal struct{ name, body, want string }

// rules are what the simulator holds a request to, each with the place where it is documented or was seen: a page of
// Google, a doc comment of Google's SDK, or issues of public repositories (owner/name number).
var rules = []struct {
	rule, source string
	refused      []refusal
}{
	{"what is no message is refused with the place and the type",
		"https://protobuf.dev/programming-guides/json/ ; QuantumNous/new-api 1037, decolua/9router 1036", []refusal{
			{"empty body", ``, "* GenerateContentRequest.contents: contents is not specified\n"},
			{"no contents", `{}`, "contents is not specified"},
			{"empty contents", `{"contents":[]}`, "contents is not specified"},
			{"not JSON", `{"contents":[`, "Invalid JSON payload received. Unexpected end of string."},
			{"garbage", `{"contents":[}]}`, "Invalid JSON payload received. Unexpected token."},
			{"two values", hello + hello, "Invalid JSON payload received."},
			{"not an object", `7`, "Invalid value at ''"},
			{"unknown field", `{"contents":[],"temperature":1}`, `Unknown name "temperature": Cannot find field.`},
			{"unknown field, deep", withContents(`{"parts":[{"text":"x"},{"txt":"x"}]}`),
				`Unknown name "txt" at 'contents[0].parts[1]': Cannot find field.`},
			{"a field of another case", `{"Contents":[]}`, `Unknown name "Contents"`},
			{"a field of Vertex AI", `{"contents":[],"labels":{"a":"b"}}`, `Unknown name "labels": Cannot find field.`},
			{"wrong type", withContents(`{"role":1,"parts":[{"text":"x"}]}`),
				`Invalid value at 'contents[0].role' (TYPE_STRING), 1`},
			{"list for one", withContents(`{"role":["user"]}`), "Proto field is not repeating, cannot start list."},
			{"two data fields", withContents(`{"parts":[{"text":"x","functionCall":{"name":"f"}}]}`),
				"oneof field 'data' is already set. Cannot set 'functionCall'"},
			{"mode", `{"contents":[],"toolConfig":{"functionCallingConfig":{"mode":"MAYBE"}}}`,
				"tool_config.function_calling_config.mode"},
			{"not a number", withConfig(`{"temperature":"warm"}`), `(TYPE_FLOAT), "warm"`},
			{"not a finite number", withConfig(`{"temperature":"NaN"}`), `(TYPE_FLOAT), "NaN"`},
			{"maxOutputTokens of half", withConfig(`{"maxOutputTokens":1.5}`), "(TYPE_INT32), 1.5"},
		}},
	{"bytes are base64",
		"google-gemini/gemini-cli 8003, bobrware/bobrchat 135", []refusal{
			{"no base64", withContents(`{"parts":[{"inlineData":{"mimeType":"image/png","data":"https://x/y.png"}}]}`),
				"Invalid value at 'contents[0].parts[0].inline_data.data' (TYPE_BYTES), Base64 decoding failed"},
			{"no base64 in a signature", withContents(`{"parts":[{"text":"x","thoughtSignature":"A?"}]}`),
				"contents[0].parts[0].thought_signature' (TYPE_BYTES)"},
		}},
	{"contents and parts say something",
		"ikechan8370/chatgpt-plugin 733, egoist/chatwise-releases 250, boldsoftware/sketch 68", []refusal{
			{"no parts", withContents(`{"role":"user"}`), "contents[0].parts: contents.parts must not be empty."},
			{"empty part", withContents(`{"parts":[{}]}`), "contents[0].parts[0].data: required oneof field 'data'"},
			{"empty text", withContents(`{"parts":[{"text":""}]}`), "required oneof field 'data'"},
			{"empty system instruction", `{"contents":[{"parts":[{"text":"x"}]}],"systemInstruction":{}}`,
				"system_instruction.parts"},
			{"response without a name", withContents(user + `,` + call("f", "") + `,` + response("", "")),
				"Name cannot be empty."},
			{"response without a response", withContents(user + `,` + call("f", "") +
				`,{"parts":[{"functionResponse":{"name":"f"}}]}`),
				"function_response.response"},
		}},
	{"a turn is the user's or the model's, and the user has the last word",
		"https://ai.google.dev/api/caching#Content ; crewAIInc/crewAI 6973", []refusal{
			{"role assistant", withContents(`{"role":"assistant","parts":[{"text":"x"}]}`),
				"Please use a valid role: user, model."},
			{"model alone", withContents(`{"role":"model","parts":[{"text":"x"}]}`),
				"Please ensure that single turn requests end"},
			{"model first", withContents(`{"role":"model","parts":[{"text":"x"}]},{"parts":[{"text":"y"}]}`),
				"start with a user turn"},
			{"model last", withContents(`{"parts":[{"text":"y"}]},{"role":"model","parts":[{"text":"x"}]}`),
				"end with a user turn"},
		}},
	{"calls follow the user, responses follow their calls, one for each",
		"google-gemini/gemini-cli 26486 and 15568, lobehub/lobehub 10049, langchain-ai/langchain 27799", []refusal{
			{"call first", withContents(`{"role":"model","parts":[{"functionCall":{"name":"f"}}]},` + response("f", "")),
				"function call turn comes immediately after a user turn"},
			{"call by the user", withContents(`{"parts":[{"functionCall":{"name":"f"}}]}`),
				"function call turn contains at least one"},
			{"call after model", withContents(user + `,{"role":"model","parts":[{"text":"x"}]},` + call("f", "") + `,` +
				response("f", "")),
				"function call turn comes immediately after a user turn or after a function response turn."},
			{"call unanswered", withContents(user + `,` + call("f", "")), "number of function response parts is equal"},
			{"call overtaken", withContents(user + `,` + call("f", "") + `,` + user),
				"number of function response parts is equal"},
			{"response out of the blue", withContents(response("f", "")),
				"function response turn comes immediately after a function call turn."},
			{"response by the model", withContents(user +
				`,{"role":"model","parts":[{"functionResponse":{"name":"f","response":{}}}]}`),
				"function response turn comes immediately after"},
			{"too many responses", withContents(user + `,` + call("f", "") + `,{"parts":[` +
				`{"functionResponse":{"name":"f","response":{}}},{"functionResponse":{"name":"f","response":{}}}]}`),
				"number of function response parts is equal to the number of function call parts of the function call turn."},
			{"response of another name", withContents(user + `,` + call("f", "") + `,` + response("g", "")), `has the name "g"`},
			{"response of another id", withContents(user + `,` + call("f", "1") + `,` + response("f", "2")), `the id "2"`},
		}},
	{"signatures come back as they were",
		"https://ai.google.dev/gemini-api/docs/thought-signatures ; google-gemini/gemini-cli 13467", []refusal{
			{"no signature", withContents(user + `,` + call("f", "") + `,` + response("f", "")),
				"Function call is missing a thought_signature in functionCall parts."},
			{"made-up signature", withContents(user + `,{"role":"model","parts":[{"text":"x","thoughtSignature":"AAAA"}]},` +
				user),
				"Corrupted thought signature."},
		}},
	{"data has a type",
		"https://ai.google.dev/api/caching#Blob ; GoogleCloudPlatform/generative-ai 1390", []refusal{
			{"data without a type", withContents(`{"parts":[{"inlineData":{"data":"AAAA"}}]}`), "empty mimeType parameter in inlineData"},
			{"data without a type in a response", withContents(user + `,` + call("f", "") + `,{"parts":[{"functionResponse":{"name":"f",` +
				`"response":{},"parts":[{"inlineData":{"data":"AAAA"}}]}}]}`), "empty mimeType parameter in inlineData"},
		}},
	{"data for a function response stands in it",
		"vellum-ai/vellum-assistant 1901, anomalyco/opencode 43479, google-gemini/gemini-cli 16137", []refusal{
			{"data beside a response", withContents(user + `,` + call("f", "") + `,{"parts":[{"functionResponse":{"name":"f",` +
				`"response":{}}},{"inlineData":{"mimeType":"image/png","data":"AAAA"}}]}`),
				"contents[2].parts[1].inline_data: inline data can not be mixed with function_response parts."},
		}},
	{"$ref in a function response names its data",
		"googleapis/python-genai 2792, vercel/ai 14369, router-for-me/CLIProxyAPI 6065", []refusal{
			{"reference in a response", withContents(user + `,` + call("f", "") + `,{"parts":[{"functionResponse":{"name":"f",` +
				`"response":{"a":[{"$ref":"#/$defs/A"}]}}}]}`),
				"The referenced name `#/$defs/A` in function_response.response does not match to a display_name"},
			{"escaped reference in a response", withContents(user + `,` + call("f", "") + `,{"parts":[{"functionResponse":{"name":"f",` +
				`"response":{"\u0024\u0072ef":"x","n":1e999}}}]}`), "The referenced name `x`"},
			{"reference to other data", withContents(user + `,` + call("f", "") + `,{"parts":[{"functionResponse":{"name":"f",` +
				`"response":{"$ref":"a.png"},"parts":[{"inlineData":{"mimeType":"image/png","displayName":"b.png","data":"AAAA"}}]}}]}`),
				"The referenced name `a.png`"},
		}},
	{"functions have good names, each once",
		"google.golang.org/genai FunctionDeclaration.Name ; google-gemini/gemini-cli 2966, kaitranntt/ccs 25", []refusal{
			{"function name", withTools(`{"name":"get weather"}`),
				"tools[0].function_declarations[0].name: [FIELD_INVALID] Invalid function name."},
			{"function name with a digit first", withTools(`{"name":"1st"}`), "Invalid function name."},
			{"function name too long", withTools(`{"name":"` + strings.Repeat("f", 129) + `"}`), "maximum length of 128"},
			{"no function name", withTools(`{"description":"x"}`), "Invalid function name."},
			{"duplicate function", withTools(`{"name":"f"},{"name":"f"}`), "Duplicate function declaration found: f"},
		}},
	{"parameters are an object, said in one way",
		"google.golang.org/genai FunctionDeclaration ; diegosouzapw/OmniRoute 3360", []refusal{
			{"both schemas", withTools(`{"name":"f","parameters":{"type":"OBJECT"},"parametersJsonSchema":{"type":"object"}}`),
				"mutually exclusive"},
			{"schema of a string", withTools(`{"name":"f","parameters":{"type":"STRING"}}`), "schema should be of type OBJECT"},
			{"schema without a type", withTools(`{"name":"f","parameters":{}}`), "schema should be of type OBJECT"},
		}},
	{"an object of the API's own schema has properties",
		"agno-agi/agno 2112, browser-use/browser-use 7, lobehub/lobehub 5002", []refusal{
			{"empty object", withTools(`{"name":"f","parameters":{"type":"OBJECT","properties":{}}}`),
				"tools[0].function_declarations[0].parameters.properties: should be non-empty for OBJECT type"},
			{"empty object within",
				withTools(`{"name":"f","parameters":{"type":"OBJECT","properties":{"a":{"type":"ARRAY","items":{"type":"OBJECT"}}}}}`),
				"parameters.properties[a].items.properties: should be non-empty for OBJECT type"},
		}},
	{"the API's own schema is a subset of OpenAPI's",
		"anomalyco/opencode 11889, enechange/collmbo 195, DEEIX-AI/DEEIX-Chat 546, UKGovernmentBEIS/inspect_ai 3097", []refusal{
			{"JSON schema of a string", withTools(`{"name":"f","parametersJsonSchema":{"type":"string"}}`),
				"schema should be of type OBJECT"},
			{"schema is a string", withTools(`{"name":"f","parameters":"x"}`), "parameters' (type.googleapis.com"},
			{"JSON schema is a list", withTools(`{"name":"f","parametersJsonSchema":[]}`), "parameters_json_schema'"},
			{"schema word",
				withTools(`{"name":"f","parameters":{"type":"OBJECT","properties":{"a":{"type":"STRING","$schema":"x"}}}}`),
				`Unknown name "$schema" at 'tools[0].function_declarations[0].parameters.properties[0].value': Cannot find field.`},
			{"additionalProperties", withTools(`{"name":"f","parameters":{"type":"OBJECT","additionalProperties":false}}`),
				`Unknown name "additionalProperties"`},
			{"schema type", withTools(`{"name":"f","parameters":{"type":"text"}}`), `parameters.type' (type.googleapis.com`},
			{"schema type list", withTools(`{"name":"f","parameters":{"type":["OBJECT"]}}`), "cannot start list"},
			{"array without items", withTools(`{"name":"f","parameters":{"type":"OBJECT","properties":{"a":{"type":"ARRAY"}}}}`),
				"parameters.properties[a].items: missing field."},
			{"enum of integers",
				withTools(`{"name":"f","parameters":{"type":"OBJECT","properties":{"a":{"type":"INTEGER","enum":["1"]}}}}`),
				"only allowed for STRING type"},
			{"required but not there",
				withTools(`{"name":"f","parameters":{"type":"OBJECT","properties":{"b":{"type":"STRING"}},"required":["a"]}}`),
				"required[0]: property is not defined"},
			{"string format",
				withTools(`{"name":"f","parameters":{"type":"OBJECT","properties":{"a":{"type":"STRING","format":"uri"}}}}`),
				"only 'enum' and 'date-time' are supported"},
		}},
	{"values of an enum are strings that are not empty",
		"Draculabo/AntigravityManager 260, decolua/9router 380", []refusal{
			{"empty enum value",
				withTools(`{"name":"f","parameters":{"type":"OBJECT","properties":{"a":{"type":"STRING","enum":["b",""]}}}}`),
				"parameters.properties[a].enum[1]: cannot be empty"},
		}},
	{"schemas nest to a depth",
		"google-gemini/gemini-cli 5923 and 6174, zereight/gitlab-mcp 223, Portkey-AI/gateway 1616", []refusal{
			{"schema nested too deep", withTools(`{"name":"f","parameters":` + strings.Repeat(`{"type":"ARRAY","items":`, 40) +
				`{}` +
				strings.Repeat(`}`, 40) + `}`), "FunctionDeclaration 'f' in the request exceeds the maximum allowed nesting depth."},
			{"json schema nested too deep", withTools(`{"parametersJsonSchema":` + strings.Repeat(`{"type":"object","properties":{"a":`, 40) + `{}` +
				strings.Repeat(`}}`, 40) + `,"name":"f"}`), "FunctionDeclaration 'f' in the request exceeds the maximum allowed nesting depth."},
			{"response schema nested too deep", withConfig(`{"responseMimeType":"application/json","responseSchema":` +
				strings.Repeat(`{"type":"ARRAY","items":`, 40) + `{}` + strings.Repeat(`}`, 40) + `}`),
				"A schema in GenerationConfig in the request exceeds the maximum allowed nesting depth."},
		}},
	{"a reference leads to something within its schema",
		"google-gemini/gemini-cli 13326, NousResearch/hermes-agent 98928", []refusal{
			{"undefined reference", withTools(`{"name":"f","parametersJsonSchema":{"type":"object",` +
				`"properties":{"a":{"anyOf":[{"type":"null"},{"$ref":"#/$defs/A"}]}}}}`),
				"reference to undefined schema at properties.a.anyOf.1"},
			{"undefined reference in an open object", withTools(`{"name":"f","parametersJsonSchema":{"type":"object",` +
				`"additionalProperties":{"$ref":"#/$defs/A"},"$defs":{"B":{}}}}`), "reference to undefined schema at additionalProperties"},
			{"reference to another document", withTools(`{"name":"f","parametersJsonSchema":{"$ref":"https://example.com/a"}}`),
				"reference to undefined schema at top-level"},
			{"undefined reference in a response schema", withConfig(`{"responseMimeType":"application/json","responseJsonSchema":{"$ref":"#/a"}}`),
				"reference to undefined schema at top-level"},
		}},
	{"a reference stands alone",
		"google.golang.org/genai ResponseJsonSchema ; anomalyco/opencode 12295, su-kaka/gcli2api 374", []refusal{
			{"reference with siblings", withTools(`{"name":"f","parametersJsonSchema":{"type":"object",` +
				`"properties":{"a":{"$ref":"#/$defs/A","title":"x"}},"$defs":{"A":{"type":"string"}}}}`),
				"$ref '#/$defs/A' was set alongside unsupported fields."},
		}},
	{"functions are called as the configuration says",
		"https://ai.google.dev/gemini-api/docs/function-calling#function_calling_modes ; microsoft/agent-framework 5322", []refusal{
			{"mode any without functions",
				`{"contents":[{"parts":[{"text":"x"}]}],"toolConfig":{"functionCallingConfig":{"mode":"ANY"}}}`,
				"without function_declarations"},
			{"allowed functions in mode auto",
				`{"contents":[{"parts":[{"text":"x"}]}],"tools":[{"functionDeclarations":[{"name":"f"}]}],` +
					`"toolConfig":{"functionCallingConfig":{"allowedFunctionNames":["f"]}}}`, "only be set when mode is ANY"},
			{"allowed function unknown",
				`{"contents":[{"parts":[{"text":"x"}]}],"tools":[{"functionDeclarations":[{"name":"f"}]}],` +
					`"toolConfig":{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["g"]}}}`, `"g" is not declared`},
		}},
	{"settings are in range",
		"https://ai.google.dev/api/generate-content#generationconfig", []refusal{
			{"temperature", withConfig(`{"temperature":2.1}`), "temperature must be in the range [0, 2]."},
			{"topP", withConfig(`{"topP":-0.1}`), "top_p must be in the range [0, 1]."},
			{"topK", withConfig(`{"topK":0}`), "top_k must be in the range"},
			{"maxOutputTokens", withConfig(`{"maxOutputTokens":0}`), "max_output_tokens must be in the range"},
			{"candidateCount", withConfig(`{"candidateCount":9}`), "candidate_count must be in the range [1, 8]."},
			{"stop sequences", withConfig(`{"stopSequences":["1","2","3","4","5","6"]}`), "at most 5"},
		}},
	{"one candidate from Gemini 3",
		"googleapis/js-genai 1609", []refusal{
			{"two candidates", withConfig(`{"candidateCount":2}`), "Multiple candidates is not enabled for this model"},
		}},
	{"thinking is a level or a budget",
		"https://ai.google.dev/gemini-api/docs/thinking ; juspay/neurolink 1707", []refusal{
			{"thinking twice", withConfig(`{"thinkingConfig":{"thinkingBudget":1,"thinkingLevel":"LOW"}}`), "only set only one"},
		}},
	{"a response schema needs a type of response",
		"google.golang.org/genai ResponseSchema ; flachesis/gemini-rust 64, langchain4j/langchain4j 1741", []refusal{
			{"response schema without a type", withConfig(`{"responseSchema":{"type":"STRING"}}`),
				"generation_config.response_mime_type: must be set to application/json when a response schema is set."},
			{"response JSON Schema without a type", withConfig(`{"responseJsonSchema":{},"responseMimeType":"text/plain"}`),
				"generation_config.response_mime_type: must be set"},
			{"two response schemas", withConfig(`{"responseMimeType":"application/json","responseSchema":{"type":"STRING"},"responseJsonSchema":{}}`),
				"response_schema must not be set when response_json_schema is set."},
			{"response of another type", withConfig(`{"responseMimeType":"text/json"}`), "allowed mimetypes are"},
			{"response schema that is wrong", withConfig(`{"responseMimeType":"application/json","responseSchema":{"type":"ARRAY"}}`),
				"generation_config.response_schema.items: missing field."},
		}},
}
