package drift

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/killick-dev/killick/internal/nested"
)

// Kind names one served kind: group, version and kind.
type Kind struct {
	Group   string `json:"group,omitempty"`
	Version string `json:"version"`
	Kind    string `json:"kind"`
}

// Compare orders kinds by group, kind and version.
func (k Kind) Compare(other Kind) int {
	return cmp.Or(cmp.Compare(k.Group, other.Group), cmp.Compare(k.Kind, other.Kind), cmp.Compare(k.Version, other.Version))
}

// APIVersion is the manifest's apiVersion: "v1" or "apps/v1".
func (k Kind) APIVersion() string {
	if k.Group == "" {
		return k.Version
	}
	return k.Group + "/" + k.Version
}

// String is "apps/v1 Deployment".
func (k Kind) String() string { return k.APIVersion() + " " + k.Kind }

// GroupKind is the kind without its version, as ApplySet hints write it:
// "Deployment.apps", "ConfigMap".
func (k Kind) GroupKind() string { return groupKind(k.Group, k.Kind) }

func groupKind(group, kind string) string {
	if group == "" {
		return kind
	}
	return kind + "." + group
}

// ParseAPIVersion splits "apps/v1" into group and version.
func ParseAPIVersion(apiVersion string) (group, version string, err error) {
	if apiVersion == "" {
		return "", "", fmt.Errorf("apiVersion is empty")
	}
	group, version, found := strings.Cut(apiVersion, "/")
	if !found {
		return "", group, nil
	}
	if group == "" || version == "" || strings.Contains(version, "/") {
		return "", "", fmt.Errorf("apiVersion %q is not GROUP/VERSION", apiVersion)
	}
	return group, version, nil
}

// ID identifies one object in a cluster. It carries no version: the same object
// is served under every version of its group.
type ID struct {
	Group     string
	Kind      string
	Namespace string
	Name      string
}

// IDOf reads the identity of a live object.
func IDOf(live map[string]any) ID {
	group, _, _ := ParseAPIVersion(nested.StringAt(live, "apiVersion")) // what the server answered is well-formed
	return ID{Group: group, Kind: nested.StringAt(live, "kind"), Namespace: nested.StringAt(nested.Metadata(live), "namespace"), Name: nested.StringAt(nested.Metadata(live), "name")}
}

// GroupKind is the ID's kind as ApplySet hints write it: "Deployment.apps".
func (id ID) GroupKind() string { return groupKind(id.Group, id.Kind) }

// String is "Deployment.apps storefront/web", or "Namespace storefront" for a
// cluster-scoped object. It is unique per ID.
func (id ID) String() string {
	if id.Namespace == "" {
		return id.GroupKind() + " " + id.Name
	}
	return id.GroupKind() + " " + id.Namespace + "/" + id.Name
}

// Short is "Deployment storefront/web": for people, not unique across groups.
func (id ID) Short() string {
	return ID{Kind: id.Kind, Namespace: id.Namespace, Name: id.Name}.String()
}

// Compare orders IDs by namespace, group, kind and name.
func (id ID) Compare(other ID) int {
	return cmp.Or(
		cmp.Compare(id.Namespace, other.Namespace),
		cmp.Compare(id.Group, other.Group),
		cmp.Compare(id.Kind, other.Kind),
		cmp.Compare(id.Name, other.Name),
	)
}
