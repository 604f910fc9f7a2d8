/** PostToolUse: takes secrets out of what a tool answered before the model reads it, where the user wants that. */
import { isRecord } from '#core/json.ts';
import { SILENT, type Hook } from './contract.ts';

export const postToolUse: Hook = async (input, { redactsOutputs, loadRedactor }) => {
  const response = input?.['tool_response'];
  if (!redactsOutputs || response === undefined || response === null) return SILENT;
  const redactor = await loadRedactor();
  const { value, counts } = redactor.json(response);
  if (counts.length === 0) return SILENT;
  const hookSpecificOutput = {
    hookEventName: 'PostToolUse',
    updatedToolOutput: isRecord(value) || Array.isArray(value) ? value : String(value),
  };
  return { exitCode: 0, stdout: JSON.stringify({ hookSpecificOutput }) };
};
