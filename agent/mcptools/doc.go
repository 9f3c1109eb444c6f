// Package mcptools offers the agent the tools of services that speak the Model Context Protocol over streamable HTTP.
//
//	agent ─▶ Source.Tools ─▶ server (list, back-off) ─▶ session ─▶ HTTP ─▶ the service
//	                Tool.Call ─────────────────────────▶ session ─▶ HTTP
//
// Whatever a service says costs its own tools and calls, never the process, another service or the request. It is the
// only room that imports the protocol's SDK.
package mcptools
