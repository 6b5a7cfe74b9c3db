// The OpenAPI document as a list of operations, with its references followed.

const METHODS = ["get", "post", "put", "patch", "delete"];

export class ApiDocument {
  constructor(source) {
    this.source = source;
    this.info = source.info ?? {};
    this.operations = Object.entries(source.paths ?? {}).flatMap(([path, item]) => this.#operationsOf(path, item));
  }

  /** Operations by tag, tags in the document's order, operations by path. */
  byTag() {
    const groups = new Map((this.source.tags ?? []).map(({ name }) => [name, []]));
    for (const operation of this.operations) {
      if (!groups.has(operation.tag)) groups.set(operation.tag, []);
      groups.get(operation.tag).push(operation);
    }
    for (const operations of groups.values()) operations.sort((one, other) => one.path.localeCompare(other.path));
    return [...groups].filter(([, operations]) => operations.length);
  }

  tagDescription(name) {
    return this.source.tags?.find((tag) => tag.name === name)?.description;
  }

  /** What a $ref points to; other values as they are. `called` is the last part of the reference. */
  follow(value) {
    let called = null;
    let here = value;
    for (let depth = 0; here?.$ref && depth < 10; depth += 1) {
      const { $ref, ...beside } = here;
      called = $ref.split("/").pop();
      const target = $ref.replace(/^#\//, "").split("/").reduce((node, key) => node?.[key.replaceAll("~1", "/").replaceAll("~0", "~")], this.source);
      here = { ...target, ...beside };
    }
    return { ...(here ?? {}), called: called ?? here?.title ?? null };
  }

  #operationsOf(path, item) {
    return METHODS.filter((method) => item[method]).map((method) => {
      const raw = item[method];
      const parameters = [...(item.parameters ?? []), ...(raw.parameters ?? [])].map((parameter) => this.follow(parameter));
      const [type, media] = this.content(this.follow(raw.requestBody));
      const security = raw.security ?? this.source.security ?? [];
      return {
        id: raw.operationId ?? `${method}-${path}`,
        method,
        path,
        tag: raw.tags?.[0] ?? "other",
        summary: raw.summary ?? raw.operationId ?? path,
        description: raw.description,
        deprecated: raw.deprecated,
        parameters: parameters.filter((parameter) => ["path", "query", "header"].includes(parameter.in) && parameter.schema !== false),
        body: media && { type, ...media, required: this.follow(raw.requestBody).required },
        responses: Object.entries(raw.responses ?? {}).map(([status, response]) => ({ status, ...this.follow(response) })),
        needsToken: security.some((choice) => Object.keys(choice).length) && !security.some((choice) => !Object.keys(choice).length),
      };
    });
  }

  /** The [media type, media] of a body or response that is best to show: JSON before others. */
  content({ content }) {
    const types = Object.keys(content ?? {});
    const type = types.find((name) => name.includes("json")) ?? types[0];
    return type ? [type, content[type]] : [null, null];
  }
}
