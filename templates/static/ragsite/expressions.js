// What the theme says in attributes is read here and looked up, and never run as code, so that the policy of the pages may forbid it.
// An expression is made of literals, names that are in reach of its element, their members, calls, operators and assignments. There
// are no statements but a row of expressions, no functions, and nothing of the window or the document.
{
  const TOKEN =
    /\s*(?:(?<number>\d+(?:\.\d+)?)|(?<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?<name>[A-Za-z_$][\w$]*)|(?<sign>[=!]==?|[<>]=?|&&|\|\||[-+?:.,;()[\]{}=!]))/y;
  const CONSTANTS = { true: true, false: false, null: null, undefined };
  const OPERATORS = [
    { "||": (one, other) => one() || other() },
    { "&&": (one, other) => one() && other() },
    {
      "===": (one, other) => one() === other(),
      "!==": (one, other) => one() !== other(),
      "==": (one, other) => one() == other(),
      "!=": (one, other) => one() != other(),
    },
    {
      "<": (one, other) => one() < other(),
      ">": (one, other) => one() > other(),
      "<=": (one, other) => one() <= other(),
      ">=": (one, other) => one() >= other(),
    },
    { "+": (one, other) => one() + other(), "-": (one, other) => one() - other() },
  ];
  const WAYS_OUT = new Set(["constructor", "prototype", "__proto__", "innerHTML", "outerHTML", "insertAdjacentHTML", "srcdoc"]);

  function tokensOf(expression) {
    const tokens = [];
    const text = expression.trimEnd();
    for (TOKEN.lastIndex = 0; TOKEN.lastIndex < text.length; ) {
      const at = TOKEN.lastIndex;
      const { groups } = TOKEN.exec(text) ?? refused(`it can't be read from ${text.slice(at)} on`);
      const [kind, value] = Object.entries(groups).find(([, found]) => found !== undefined);
      tokens.push({ kind, value });
    }
    return tokens;
  }

  function refused(why) {
    throw new SyntaxError(`An expression of this page was refused: ${why}.`);
  }

  const named = (name) => (WAYS_OUT.has(String(name)) ? refused(`it names ${name}`) : name);
  const shown = (value) =>
    value instanceof Window || value instanceof Document || value === Function ? refused("it leads out of the page's data") : value;
  const written = (text) =>
    text.slice(1, -1).replace(/\\(?:u([\da-fA-F]{4})|(.))/g, (_, code, sign) =>
      code ? String.fromCharCode(parseInt(code, 16)) : ({ n: "\n", t: "\t" }[sign] ?? sign),
    );

  // A part of an expression: `get(scope)` is its value; what may stand before `=` has `set`, and a method knows whose it is.
  const value = (get) => ({ get, call: (scope, given) => get(scope).apply(scope, given) });

  function name(of) {
    const get = (scope) => {
      if (!(of in scope)) throw new ReferenceError(`${of} is not defined`);
      return shown(scope[of]);
    };
    return { ...value(get), set: (scope, is) => (scope[of] = is) };
  }

  function member(owner, key) {
    return {
      get: (scope) => shown(owner.get(scope)[named(key.get(scope))]),
      set: (scope, is) => (owner.get(scope)[named(key.get(scope))] = is),
      call: (scope, given) => shown(owner.get(scope)[named(key.get(scope))](...given)),
    };
  }

  class Reading {
    constructor(expression) {
      this.tokens = tokensOf(expression);
      this.at = 0;
    }

    is(sign) {
      const token = this.tokens[this.at];
      return token?.kind === "sign" && token.value === sign;
    }

    took(sign) {
      const is = this.is(sign);
      if (is) this.at += 1;
      return is;
    }

    need(sign) {
      if (!this.took(sign)) refused(`${this.tokens[this.at]?.value ?? "its end"} stands where ${sign} should`);
    }

    whole() {
      const parts = [];
      while (this.at < this.tokens.length) {
        parts.push(this.assignment());
        if (this.at < this.tokens.length) this.need(";");
      }
      return (scope) => parts.map((part) => part.get(scope)).at(-1);
    }

    assignment() {
      const to = this.choice();
      if (!this.took("=")) return to;
      if (!to.set) refused("nothing can be assigned to what stands before =");
      const is = this.assignment();
      return value((scope) => to.set(scope, is.get(scope)));
    }

    choice() {
      const whether = this.operation(0);
      if (!this.took("?")) return whether;
      const one = this.assignment();
      this.need(":");
      const other = this.assignment();
      return value((scope) => (whether.get(scope) ? one : other).get(scope));
    }

    operation(level) {
      if (level === OPERATORS.length) return this.negation();
      let found = this.operation(level + 1);
      for (let sign; (sign = Object.keys(OPERATORS[level]).find((each) => this.took(each))); ) {
        const [one, other] = [found, this.operation(level + 1)];
        found = value((scope) => OPERATORS[level][sign](() => one.get(scope), () => other.get(scope)));
      }
      return found;
    }

    negation() {
      if (this.took("!")) {
        const of = this.negation();
        return value((scope) => !of.get(scope));
      }
      if (this.took("-")) {
        const of = this.negation();
        return value((scope) => -of.get(scope));
      }
      return this.members();
    }

    members() {
      let found = this.one();
      for (;;) {
        if (this.took(".")) found = member(found, constant(this.word()));
        else if (this.took("[")) found = member(found, this.upTo("]"));
        else if (this.took("(")) found = this.call(found);
        else return found;
      }
    }

    call(of) {
      const given = this.list(")");
      return value((scope) => shown(of.call(scope, given.map((each) => each.get(scope)))));
    }

    one() {
      if (this.took("(")) return this.upTo(")");
      if (this.took("[")) {
        const each = this.list("]");
        return value((scope) => each.map((one) => one.get(scope)));
      }
      if (this.took("{")) return this.object();
      const token = this.tokens[this.at++] ?? refused("it ends too early");
      if (token.kind === "number") return constant(Number(token.value));
      if (token.kind === "text") return constant(written(token.value));
      if (token.kind === "sign") refused(`${token.value} stands where a value should`);
      return Object.hasOwn(CONSTANTS, token.value) ? constant(CONSTANTS[token.value]) : name(named(token.value));
    }

    upTo(end) {
      const found = this.assignment();
      this.need(end);
      return found;
    }

    list(end) {
      const found = [];
      while (!this.took(end)) {
        found.push(this.assignment());
        if (!this.is(end)) this.need(",");
      }
      return found;
    }

    object() {
      const entries = [];
      while (!this.took("}")) {
        const key = this.tokens[this.at]?.kind === "text" ? written(this.tokens[this.at++].value) : this.word();
        this.need(":");
        entries.push([named(key), this.assignment()]);
        if (!this.is("}")) this.need(",");
      }
      return value((scope) => Object.fromEntries(entries.map(([key, is]) => [key, is.get(scope)])));
    }

    word() {
      const token = this.tokens[this.at++];
      return token?.kind === "name" ? token.value : refused(`${token?.value ?? "its end"} stands where a name should`);
    }
  }

  const constant = (is) => value(() => is);
  const read = new Map();

  function reading(expression) {
    if (!read.has(expression)) read.set(expression, new Reading(expression).whole());
    return read.get(expression);
  }

  // Alpine's own way with a value: a function is called with what the event or directive gives, and a promise is waited for.
  function received(receiver, found, scope, params) {
    if (typeof found === "function") received(receiver, found.apply(scope, params), scope, []);
    else if (found instanceof Promise) found.then(receiver);
    else receiver(found);
  }

  function failed(error, el, expression) {
    console.warn(`${error.message} Expression: ${expression}`, el);
    setTimeout(() => { throw error; });
  }

  function evaluator(el, expression) {
    const reach = [{ $el: el }, ...Alpine.closestDataStack(el)];
    return (receiver = () => {}, { scope = {}, params = [] } = {}) => {
      try {
        const whole = Alpine.mergeProxies([scope, ...reach]);
        if (typeof expression === "function") receiver(expression.apply(whole, params));
        else received(receiver, reading(expression)(whole), whole, params);
      } catch (error) {
        failed(error, el, expression);
      }
    };
  }

  document.addEventListener("alpine:init", () => Alpine.setEvaluator(evaluator));
}
