package cluster

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"strings"

	"k8s.io/client-go/rest"
)

// Account is the user name of the ServiceAccount whose token a Pod mounts and this client
// uses, "system:serviceaccount:NAMESPACE:NAME"; empty where another identity was named, or
// the token does not say. It is read from the token and not verified: what is done as
// that account the API server decides.
func (c *Client) Account() string {
	if c.config.BearerTokenFile != serviceAccountToken {
		return ""
	}
	return subjectOf(c.config)
}

func subjectOf(config *rest.Config) string {
	token := config.BearerToken
	if config.BearerTokenFile != "" {
		data, err := os.ReadFile(config.BearerTokenFile)
		if err != nil {
			return ""
		}
		token = string(data)
	}
	parts := strings.Split(strings.TrimSpace(token), ".")
	if len(parts) != 3 {
		return ""
	}
	body, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return ""
	}
	var claims struct {
		Subject string `json:"sub"`
	}
	if json.Unmarshal(body, &claims) != nil || !strings.HasPrefix(claims.Subject, "system:serviceaccount:") {
		return ""
	}
	return claims.Subject
}
