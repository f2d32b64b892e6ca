package source

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"

	"github.com/skeema/knownhosts"
	"golang.org/x/crypto/ssh"

	"github.com/killick-dev/killick/internal/drift"
)

// credentials are the loaded values of Auth. They have no String method on
// purpose: nothing prints them.
type credentials struct {
	token    string
	username string
	password string
	caPEM    []byte
	signer   ssh.Signer
	hosts    *knownhosts.HostKeyDB
}

// secrets are the values that no text may contain, also as they look in a
// basic authentication header, which a server may repeat.
func (c credentials) secrets() redactor {
	var secrets redactor
	for _, secret := range []string{c.token, c.password} {
		if secret == "" {
			continue
		}
		user := cmp.Or(c.username, defaultHTTPUser)
		secrets = append(secrets, secret, base64.StdEncoding.EncodeToString([]byte(user+":"+secret)))
	}
	return secrets
}

// credentialLimit bounds a credential file; CA bundles are the largest.
const credentialLimit = 4 << 20

// loadCredentials reads what the scheme of a location can use, and refuses
// settings that cannot apply: a token that is silently not used would look like
// a permission problem of the server.
func loadCredentials(where location, auth Auth) (credentials, error) {
	if where.scheme == "ssh" {
		return loadSSH(where, auth)
	}
	return loadHTTP(where, auth)
}

func loadHTTP(where location, auth Auth) (credentials, error) {
	switch {
	case auth.SSHKeyFile != "" || auth.KnownHostsFile != "":
		return credentials{}, misplaced(where, "sshKeyFile and knownHostsFile are for SSH URLs")
	case auth.TokenFile != "" && auth.TokenEnv != "":
		return credentials{}, misplaced(where, "tokenFile and tokenEnv are both given; give one")
	case auth.PasswordFile != "" && auth.UsernameFile == "":
		return credentials{}, misplaced(where, "passwordFile needs usernameFile")
	case auth.PasswordFile != "" && (auth.TokenFile != "" || auth.TokenEnv != ""):
		return credentials{}, misplaced(where, "a token and passwordFile are both given; give one")
	case auth.UsernameFile != "" && auth.PasswordFile == "" && auth.TokenFile == "" && auth.TokenEnv == "":
		return credentials{}, misplaced(where, "usernameFile needs passwordFile, tokenFile or tokenEnv")
	}
	var loaded credentials
	var err error
	for _, field := range []struct {
		into *string
		name string
		path string
	}{
		{&loaded.token, "tokenFile", auth.TokenFile},
		{&loaded.username, "usernameFile", auth.UsernameFile},
		{&loaded.password, "passwordFile", auth.PasswordFile},
	} {
		if field.path == "" {
			continue
		}
		if *field.into, err = secretFile(field.name, field.path); err != nil {
			return credentials{}, err
		}
	}
	if auth.TokenEnv != "" {
		if loaded.token, err = secretEnv(auth.TokenEnv); err != nil {
			return credentials{}, err
		}
	}
	if auth.CAFile != "" {
		if loaded.caPEM, err = readCredential("caFile", auth.CAFile); err != nil {
			return credentials{}, err
		}
	}
	return loaded, nil
}

func loadSSH(where location, auth Auth) (credentials, error) {
	switch {
	case auth.TokenFile != "" || auth.TokenEnv != "" || auth.UsernameFile != "" || auth.PasswordFile != "" || auth.CAFile != "":
		return credentials{}, misplaced(where, "tokens, passwords and caFile are for HTTPS URLs; SSH uses sshKeyFile and knownHostsFile")
	case auth.SSHKeyFile == "":
		return credentials{}, problem("set sshKeyFile (--git-ssh-key-file) to a deploy key",
			fmt.Errorf("reading %q over SSH: no private key is configured", where.display))
	case auth.KnownHostsFile == "":
		return credentials{}, problem("set knownHostsFile (--git-known-hosts-file); ssh-keyscan writes one, compare its fingerprint with the host's documentation",
			fmt.Errorf("reading %q over SSH: no known_hosts file is configured, and host keys are always checked", where.display))
	}
	pem, err := readCredential("sshKeyFile", auth.SSHKeyFile)
	if err != nil {
		return credentials{}, err
	}
	signer, err := ssh.ParsePrivateKey(pem)
	var passphrase *ssh.PassphraseMissingError
	switch {
	case errors.As(err, &passphrase):
		return credentials{}, fileProblem(auth.SSHKeyFile, "give a key without a passphrase; protect the file instead",
			errors.New("reading sshKeyFile: the key has a passphrase"))
	case err != nil:
		return credentials{}, fileProblem(auth.SSHKeyFile, "give a private key in OpenSSH or PEM format",
			errors.New("reading sshKeyFile: it is not a private key"))
	}
	if _, err := readCredential("knownHostsFile", auth.KnownHostsFile); err != nil {
		return credentials{}, err
	}
	hosts, err := knownhosts.NewDB(auth.KnownHostsFile)
	if err != nil {
		return credentials{}, fileProblem(auth.KnownHostsFile, "", errors.New("reading knownHostsFile: it is not in the known_hosts format"))
	}
	return credentials{signer: signer, hosts: hosts}, nil
}

func misplaced(where location, text string) error {
	return problem("", fmt.Errorf("reading the credentials of %q: %s", where.display, text))
}

func fileProblem(file, hint string, err error) error {
	return &drift.Problem{Stage: "source", File: file, Hint: hint, Err: err}
}

// secretFile reads one line. An empty file is an error, never "no credential":
// anonymous access where authentication was configured would hide a broken
// mount.
func secretFile(field, path string) (string, error) {
	content, err := readCredential(field, path)
	if err != nil {
		return "", err
	}
	value := strings.TrimSpace(string(content))
	if err := checkSecret(value); err != nil {
		return "", fileProblem(path, "", fmt.Errorf("reading %s: %w", field, err))
	}
	return value, nil
}

func secretEnv(name string) (string, error) {
	value := strings.TrimSpace(os.Getenv(name))
	if err := checkSecret(value); err != nil {
		return "", problem("set it from a Secret in the pod's environment",
			fmt.Errorf("reading the token from environment variable %q: %w", name, err))
	}
	return value, nil
}

// checkSecret keeps values out that would break an HTTP header.
func checkSecret(value string) error {
	if value == "" {
		return errors.New("it is empty")
	}
	if strings.ContainsFunc(value, unicode.IsControl) {
		return errors.New("it has more than one line, or control characters")
	}
	return nil
}

func readCredential(field, path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fileProblem(path, "check that the Secret is mounted and readable; outside the pod, --repository and the --git flags name other files", fmt.Errorf("reading %s: %w", field, pathCause(err)))
	}
	defer func() { _ = file.Close() }() // nothing was written
	content, err := io.ReadAll(io.LimitReader(file, credentialLimit+1))
	if err != nil {
		return nil, fileProblem(path, "", fmt.Errorf("reading %s: %w", field, pathCause(err)))
	}
	if len(content) > credentialLimit {
		return nil, fileProblem(path, "", fmt.Errorf("reading %s: it is larger than %s", field, mebibytes(credentialLimit)))
	}
	return content, nil
}

// pathCause is the cause of a file error without operation and path, which the
// problem already names. It does not match fs.ErrNotExist: a file that was to be
// read and is not there is unreadable to whoever asks for a repository.
func pathCause(err error) error {
	var pathError *os.PathError
	if errors.As(err, &pathError) {
		err = pathError.Err
	}
	return errors.New(err.Error())
}
