//go:build boot

package boot

import (
	"net/http"
	"strconv"
)

// edge is CloudFront as far as a browser sees it: the web tier behind the
// distribution's security headers.
type edge struct {
	origin  http.Handler
	headers map[string]header
}

type header struct {
	value    string
	override bool // of what the origin says
}

func newEdge(global *stack, origin http.Handler) edge {
	_, policy := global.only("AWS::CloudFront::ResponseHeadersPolicy")
	config := policy.Properties["ResponseHeadersPolicyConfig"].(object)["SecurityHeadersConfig"].(object)
	e := edge{origin, map[string]header{}}
	for name, rule := range config {
		rule := rule.(object)
		override := rule["Override"].(bool)
		switch name {
		case "ContentSecurityPolicy":
			e.headers["Content-Security-Policy"] = header{rule["ContentSecurityPolicy"].(string), override}
		case "ContentTypeOptions":
			e.headers["X-Content-Type-Options"] = header{"nosniff", override}
		case "FrameOptions":
			e.headers["X-Frame-Options"] = header{rule["FrameOption"].(string), override}
		case "ReferrerPolicy":
			e.headers["Referrer-Policy"] = header{rule["ReferrerPolicy"].(string), override}
		case "StrictTransportSecurity":
			age := strconv.Itoa(int(rule["AccessControlMaxAgeSec"].(float64)))
			value := "max-age=" + age
			if rule["IncludeSubdomains"] == true {
				value += "; includeSubDomains"
			}
			e.headers["Strict-Transport-Security"] = header{value, override}
		default:
			panic("no rule here for " + name)
		}
	}
	return e
}

func (e edge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e.origin.ServeHTTP(&edgeWriter{w, e.headers}, r)
}

// edgeWriter adds the headers to whatever the origin answers.
type edgeWriter struct {
	http.ResponseWriter
	headers map[string]header
}

func (w *edgeWriter) WriteHeader(status int) {
	for name, h := range w.headers {
		if h.override || w.Header().Get(name) == "" {
			w.Header().Set(name, h.value)
		}
	}
	w.ResponseWriter.WriteHeader(status)
}
