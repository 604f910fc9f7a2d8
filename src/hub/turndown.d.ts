/** The parts of turndown that are used; the package comes without types. */
declare module 'turndown' {
  interface TurndownNode {
    readonly nodeName: string;
    readonly textContent: string | null;
    readonly parentNode: TurndownNode | null;
    readonly children: ArrayLike<TurndownNode>;
    /** With the texts between them. */
    readonly childNodes: ArrayLike<TurndownNode>;
    getAttribute(name: string): string | null;
  }
  interface TurndownRule {
    filter: (node: TurndownNode) => boolean;
    replacement: (content: string, node: TurndownNode) => string;
  }
  class TurndownService {
    constructor(options?: {
      readonly headingStyle?: 'atx';
      readonly codeBlockStyle?: 'fenced';
      readonly bulletListMarker?: '-';
      readonly emDelimiter?: '*';
    });
    addRule(name: string, rule: TurndownRule): this;
    escape(text: string): string;
    turndown(html: string): string;
  }
  export = TurndownService;
}
