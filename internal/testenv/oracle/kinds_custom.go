package main

// customGroup is the API group of the oracle's own kinds.
const customGroup = "oracle.example.com"

// customKinds are defined by the CRDs below: with every structural hint, with
// none, and without a schema.
func customKinds() []kind {
	free := named(one("a", int64(1), 1.5, true, "2"), "a", "b", "c")
	return []kind{
		kindOf(customGroup+"/v1", "Widget", "widgets", must("spec", obj(
			may("size", between(1, 9)), may("ratio", one(0.5, 1.5, int64(2), 2.0)), may("mode", one("auto", "on", "off")), may("enabled", boolean),
			may("cpu", cpu), may("target", one(int64(80), "http", "50%")),
			may("endpoints", keyed(obj(must("name", one("a", "b", "c")), may("port", one(int64(80), int64(443))), may("tags", setOf(one("x", "y", "z"), 0, 3)),
				may("options", named(word, "p", "q"))), 0, 3, "name")),
			may("listeners", keyed(obj(must("port", one(int64(80), int64(443))), may("protocol", one("TCP", "UDP")), may("tls", boolean)),
				0, 3, "port", "protocol").filled("protocol", "TCP")),
			may("routes", listOf(obj(must("host", one("a.example", "b.example")), may("weight", between(1, 3))), 0, 3)),
			may("tags", setOf(one("x", "y", "z", "1", "true"), 0, 4)), may("numbers", setOf(between(1, 5), 0, 4)),
			may("labels", named(word, "a", "b", "c")), may("fixedLabels", named(word, "a", "b", "c").atomic()),
			may("raw", named(obj(may("x", word), may("list", listOf(between(1, 3), 0, 3)), may("deep", free)), "a", "b")),
			may("nested", obj(may("inner", obj(may("level", between(1, 3)), may("kind", one("a", "b")))), may("other", word)))))).crd(),
		kindOf(customGroup+"/v1", "Gadget", "gadgets", must("spec", obj(
			may("title", word), may("items", listOf(obj(must("name", one("a", "b")), may("value", word)), 0, 3)),
			may("options", named(word, "a", "b", "c")), may("part", obj(may("a", word), may("count", between(0, 3))))))).crd(),
		kindOf(customGroup+"/v1", "Blob", "blobs",
			may("spec", named(obj(may("x", word), may("y", free), may("list", listOf(word, 0, 3))), "a", "b", "c")), may("data", free)).crd(),
	}
}

// crds define the custom kinds. A rule in CEL changes how the server refuses what a schema
// forbids.
const crds = `
- name: widgets
  kind: Widget
  subresources: {status: {}}
  schema:
    type: object
    properties:
      status: {type: object, x-kubernetes-preserve-unknown-fields: true}
      spec:
        type: object
        properties:
          size: {type: integer}
          ratio: {type: number}
          mode: {type: string, default: auto}
          enabled: {type: boolean, default: true}
          cpu: {x-kubernetes-int-or-string: true}
          target: {x-kubernetes-int-or-string: true}
          endpoints:
            type: array
            x-kubernetes-list-type: map
            x-kubernetes-list-map-keys: [name]
            items:
              type: object
              required: [name]
              properties:
                name: {type: string}
                port: {type: integer, default: 80}
                tags: {type: array, items: {type: string}, x-kubernetes-list-type: set}
                options: {type: object, additionalProperties: {type: string}}
          listeners:
            type: array
            x-kubernetes-list-type: map
            x-kubernetes-list-map-keys: [port, protocol]
            items:
              type: object
              required: [port]
              properties:
                port: {type: integer}
                protocol: {type: string, default: TCP}
                tls: {type: boolean}
          routes:
            type: array
            x-kubernetes-list-type: atomic
            items:
              type: object
              properties: {host: {type: string}, weight: {type: integer, default: 1}}
          tags: {type: array, items: {type: string}, x-kubernetes-list-type: set}
          numbers: {type: array, items: {type: integer}, x-kubernetes-list-type: set}
          labels: {type: object, additionalProperties: {type: string}}
          fixedLabels: {type: object, additionalProperties: {type: string}, x-kubernetes-map-type: atomic}
          raw: {type: object, x-kubernetes-preserve-unknown-fields: true}
          nested:
            type: object
            default: {}
            properties:
              other: {type: string}
              inner:
                type: object
                default: {}
                properties: {level: {type: integer, default: 1}, kind: {type: string, default: a}}
- name: gadgets
  kind: Gadget
  schema:
    type: object
    properties:
      spec:
        type: object
        x-kubernetes-validations: [{rule: "!has(self.title) || self.title != 'never'"}]
        properties:
          title: {type: string}
          items: {type: array, items: {type: object, properties: {name: {type: string}, value: {type: string}}}}
          options: {type: object, additionalProperties: {type: string}}
          part: {type: object, properties: {a: {type: string}, count: {type: integer}}}
- name: blobs
  kind: Blob
  schema: {type: object, x-kubernetes-preserve-unknown-fields: true}
`
