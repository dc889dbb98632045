// The person of the sandbox in whose name the page asks unless the headers have the token of somebody else.
const PERSON = "08844397713";

const INBOX = `# The newest dialogs of a person of the
# sandbox. All is asked in this person's name,
# unless Headers (below) says otherwise:
# { "Authorization": "Bearer …" }
query Inbox {
  searchDialogs(
    input: {
      party: "urn:altinn:person:identifier-no:${PERSON}"
      limit: 10
    }
  ) {
    items {
      id
      status
      contentUpdatedAt
      content { title { value { value languageCode } } }
    }
    hasNextPage
    continuationToken
    orderBy { contentUpdatedAt }
    errors { message }
  }
}
`;

const DIALOG = `# A dialog, as it is when the person opens it.
# Variables (below) has its id; see Inbox.
query Dialog($id: UUID!) {
  dialogById(dialogId: $id) {
    dialog {
      id
      status
      content {
        title { value { value languageCode } }
        summary { value { value languageCode } }
      }
      transmissions { id type createdAt }
      activities { id type createdAt }
      dialogToken
    }
    errors { __typename message }
  }
}
`;

const EVENTS = `# What happens to a dialog, as it happens.
# Headers (below) must have the dialog's own
# token, good for ten minutes; see Dialog:
# { "Digdir-Dialog-Token": "…" }
subscription Events($id: UUID!) {
  dialogEvents(dialogId: $id) {
    id
    type
  }
}
`;

const ID = JSON.stringify({ id: "" }, null, 2);

let token;

async function newToken() {
  const query = new URLSearchParams({ env: "at23", pid: PERSON, authLvl: "4", scopes: "digdir:dialogporten" });
  const headers = { Authorization: "Basic " + btoa("sandbox:sandbox") };
  const answer = await fetch("/api/GetPersonalToken?" + query, { headers });
  if (!answer.ok) throw new Error("The sandbox gave no token: status " + answer.status + ".");
  return answer.text();
}

// Sends what is asked. A token of the page's own that has expired is renewed.
async function send(asked, accept, given, signal) {
  const headers = new Headers({ "Content-Type": "application/json", Accept: accept, ...given });
  const request = { method: "POST", headers, body: JSON.stringify(asked), signal };
  if (headers.has("Authorization")) return fetch("/graphql", request);
  const isNew = token === undefined;
  if (isNew) token = await newToken();
  headers.set("Authorization", "Bearer " + token);
  const answer = await fetch("/graphql", request);
  if (answer.status !== 401 || isNew) return answer;
  token = await newToken();
  headers.set("Authorization", "Bearer " + token);
  return fetch("/graphql", request);
}

async function answer(asked, given) {
  const answer = await send(asked, "application/graphql-response+json", given);
  return answer.json();
}

// The results of a subscription, as server-sent events (GraphQL over SSE, distinct connections mode).
async function* results(asked, given, signal) {
  try {
    const answer = await send(asked, "text/event-stream", given, signal);
    if (!answer.headers.get("Content-Type")?.startsWith("text/event-stream")) {
      yield await answer.json();
      return;
    }
    let text = "";
    for await (const chunk of chunks(answer.body.pipeThrough(new TextDecoderStream()))) {
      const events = (text + chunk).split("\n\n");
      text = events.pop();
      for (const lines of events.map((event) => event.split("\n"))) {
        const values = (name) => lines.filter((line) => line.startsWith(name + ": ")).map((line) => line.slice(name.length + 2));
        if (values("event").includes("complete")) return;
        if (values("event").includes("next")) yield JSON.parse(values("data").join("\n"));
      }
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

// Not all browsers can iterate over a stream.
async function* chunks(stream) {
  const reader = stream.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    yield value;
  }
}

// A generator that waits for a result hears of nothing else: who stops it has to end the request.
function follow(asked, given) {
  const stop = new AbortController();
  const found = results(asked, given, stop.signal);
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    next: () => found.next(),
    return() {
      stop.abort();
      return found.return();
    },
  };
}

function fetcher(asked, options) {
  const operation = options?.documentAST?.definitions.find(
    ({ kind, name }) =>
      kind === "OperationDefinition" && (!asked.operationName || name?.value === asked.operationName),
  );
  return (operation?.operation === "subscription" ? follow : answer)(asked, options?.headers);
}

const page = React.createElement(GraphiQL, {
  fetcher,
  defaultTabs: [
    { query: INBOX },
    { query: DIALOG, variables: ID },
    { query: EVENTS, variables: ID },
  ],
  defaultEditorToolsVisibility: "variables",
  shouldPersistHeaders: false,
});
ReactDOM.createRoot(document.getElementById("page")).render(page);
