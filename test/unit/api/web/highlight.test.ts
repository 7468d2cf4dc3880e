import { describe, expect, it } from '@jest/globals';
import { parse } from 'node-html-parser';
import { renderMarkdown } from '../../../../api/web/guide/render-markdown';

const CODE = `// "quoted" & 'single' <script>alert(1)</script>\nconst total = \`\${count + 1} events\`;\n`;
const preOf = (language: string) =>
  parse(renderMarkdown(`\`\`\`${language}\n${CODE}\`\`\`\n`).html, { blockTextElements: {} }).querySelector('pre')!;

describe('code in documents', () => {
  it.each(['sh', 'ts', 'js', 'python', 'json', 'nginx'])(
    'highlights %s with classes, without changing its text',
    (name) => {
      const pre = preOf(name);
      expect(pre.textContent).toBe(CODE);
      expect(pre.querySelectorAll('[class^=code-]').length).toBeGreaterThan(0);
      expect(pre.querySelectorAll('[style], script')).toEqual([]);
    },
  );

  it.each(['constructor', 'cobol', ''])('shows code in an unknown language as plain text: %s', (name) => {
    const pre = preOf(name);
    expect(pre.textContent).toBe(CODE);
    expect(pre.querySelectorAll('span, script')).toEqual([]);
  });
});
