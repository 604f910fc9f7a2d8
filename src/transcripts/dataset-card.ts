/** The card of the dataset, written once, when Glovebox makes the dataset. */

export const renderCard = (id: string): string => `---
tags:
  - agent-traces
  - glovebox
viewer: false
---

# ${id}

Transcripts of sessions with a coding agent, put here by Glovebox because its user
switched that on. Each file is one session: \`sessions/YYYY-MM-DD/SESSION_ID.jsonl\`, in the form in which Claude Code writes it.

Before they left the machine, what looked like a secret was replaced by \`[REDACTED:...]\`. **That is best effort.** Prompts,
code, output of commands, paths and data of other people are in these files as they were: keep this dataset private, and publish
nothing from it that nobody has read.

To stop the uploads: \`glovebox transcripts disable\`.
`;
