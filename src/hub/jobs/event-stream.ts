/** Reads server-sent events as they come, https://html.spec.whatwg.org/multipage/server-sent-events.html */
import { StringDecoder } from 'node:string_decoder';

/** Give it the pieces of the body; it tells the data of each event once that is complete. Comments and other fields are left out. */
export function createEventReader(onData: (data: string) => void): (chunk: Buffer) => void {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  let data: string[] = [];
  return (chunk) => {
    const lines = (rest + decoder.write(chunk)).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const text = line.endsWith('\r') ? line.slice(0, -1) : line;
      if (text === '' && data.length > 0) {
        onData(data.join('\n'));
        data = [];
      } else if (text.startsWith('data:')) {
        data.push(text.slice(text.startsWith('data: ') ? 6 : 5));
      }
    }
  };
}
