package source

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/pktline"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
)

// Of version 2 of the protocol (gitprotocol-v2) this package speaks what an idle
// poll needs: the list of chosen refs. Version 0 sends all refs with every
// answer, 1.3 MB for 20,000 of them. Packs are
// fetched by version 0 all the same, since go-git v5 reads no others.
const (
	gitProtocolHeader = "Git-Protocol"
	askVersion2       = "version=2"
	version1Line      = "version 1" // then as in version 0
	version2Line      = "version 2"
	serviceLine       = "# service="
	delimiter         = "0001"
	lsRefs            = "ls-refs"
	objectFormat      = "object-format="
	sha1Format        = objectFormat + "sha1"
	peeledAttribute   = "peeled:"
)

// refs asks for the wanted refs in two requests. A server that does not speak
// version 2 answers the first one with the list of all.
func (s *httpServer) refs(ctx context.Context, wanted []string) (refs, error) {
	s.version2 = true
	capabilities, advertised, err := s.greet(ctx)
	if err != nil {
		return refs{}, err
	}
	if advertised != nil {
		return refsOf(advertised), nil
	}
	request, err := lsRefsRequest(capabilities, wanted)
	if err != nil {
		return refs{}, err
	}
	answer, err := s.uploadPack(ctx, request)
	if err != nil {
		return refs{}, err
	}
	defer func() { _ = answer.Close() }() // read to its end or given up
	return readRefs(&limitedReader{reader: answer, left: s.limit}, wanted)
}

// greet makes the first request and returns what the server can do in version 2,
// or its list of refs in version 0.
func (s *httpServer) greet(ctx context.Context) ([]string, *packp.AdvRefs, error) {
	response, err := s.infoRefs(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer discard(response)
	rest, two := readVersion(&networkBody{response.Body})
	if !two {
		advertised, err := s.decodeRefs(rest)
		return nil, advertised, err
	}
	capabilities, err := readCapabilities(&limitedReader{reader: rest, left: s.limit})
	return capabilities, nil, err
}

// readVersion says whether a server answers in version 2. The reader gives what
// follows then, and else the list of refs as version 0 has it.
func readVersion(answer io.Reader) (rest io.Reader, two bool) {
	var seen bytes.Buffer
	lines := pktline.NewScanner(io.TeeReader(answer, &seen))
	// The service's line and a flush stand before the first line that tells.
	for range 3 {
		if !lines.Scan() {
			break
		}
		line := string(bytes.TrimSuffix(lines.Bytes(), []byte("\n")))
		switch {
		case line == version2Line:
			return answer, true
		case line == version1Line:
			return answer, false
		case line != "" && !strings.HasPrefix(line, serviceLine):
			return io.MultiReader(&seen, answer), false
		}
	}
	return io.MultiReader(&seen, answer), false
}

// readCapabilities reads the first answer of version 2, behind its version.
func readCapabilities(answer *limitedReader) (capabilities []string, err error) {
	err = eachLine(answer, func(line string) error {
		capabilities = append(capabilities, line)
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, capability := range capabilities {
		if strings.HasPrefix(capability, objectFormat) && capability != sha1Format {
			return nil, sha256Repository()
		}
	}
	if !slices.ContainsFunc(capabilities, func(c string) bool { return c == lsRefs || strings.HasPrefix(c, lsRefs+"=") }) {
		return nil, notGit()
	}
	return capabilities, nil
}

// lsRefsRequest asks for refs by the beginnings of their names, annotated tags
// peeled.
func lsRefsRequest(capabilities, wanted []string) ([]byte, error) {
	if len(wanted) == 0 {
		wanted = []string{headRef, branchPrefix, tagPrefix}
	}
	lines := []string{"command=" + lsRefs + "\n", "agent=" + agent + "\n"}
	if slices.Contains(capabilities, sha1Format) {
		lines = append(lines, sha1Format+"\n")
	}
	var request bytes.Buffer
	encoder := pktline.NewEncoder(&request)
	if err := encoder.EncodeString(lines...); err != nil {
		return nil, err
	}
	request.WriteString(delimiter)
	lines = []string{"peel\n"}
	for _, name := range wanted {
		lines = append(lines, "ref-prefix "+name+"\n")
	}
	if err := encoder.EncodeString(lines...); err != nil {
		return nil, err
	}
	if err := encoder.Flush(); err != nil {
		return nil, err
	}
	return request.Bytes(), nil
}

// readRefs reads the answer to ls-refs and keeps the wanted names only: a prefix
// also brings every longer name.
func readRefs(answer *limitedReader, wanted []string) (refs, error) {
	found := refs{targets: map[string]plumbing.Hash{}, peeled: map[string]plumbing.Hash{}, partial: len(wanted) > 0}
	err := eachLine(answer, func(line string) error {
		target, rest, _ := strings.Cut(line, " ")
		name, attributes, _ := strings.Cut(rest, " ")
		if !isCommit(target) || name == "" {
			return notGit()
		}
		if len(wanted) > 0 && !slices.Contains(wanted, name) {
			return nil
		}
		found.targets[name] = plumbing.NewHash(target)
		for attribute := range strings.SplitSeq(attributes, " ") {
			peeled, is := strings.CutPrefix(attribute, peeledAttribute)
			if !is {
				continue
			}
			if !isCommit(peeled) {
				return notGit()
			}
			found.peeled[name] = plumbing.NewHash(peeled)
		}
		return nil
	})
	if err != nil {
		return refs{}, err
	}
	return found, nil
}

// eachLine reads pkt-lines up to a flush, without which the answer is cut off.
func eachLine(answer *limitedReader, visit func(line string) error) error {
	lines := pktline.NewScanner(answer)
	for lines.Scan() {
		if len(lines.Bytes()) == 0 {
			return nil
		}
		if err := visit(string(bytes.TrimSuffix(lines.Bytes(), []byte("\n")))); err != nil {
			return err
		}
	}
	return serverError(answer, advertisementError(cmp.Or(lines.Err(), io.ErrUnexpectedEOF)))
}
