import { hostname } from 'node:os';
import { describe, expect, it } from '@jest/globals';
import { defaultOperatorName, operatorName } from '../../../../deploy/cli/operator-name';
import { nameProblem } from '../../../../shared/domain/text';

describe('--as', () => {
  it.each(['Ana Diaz', 'ana@laptop', 'Żółć Łącz', '山田太郎', 'x'.repeat(100)])('accepts %j', (name) => {
    expect(operatorName(` ${name} `)).toBe(name);
  });

  it.each<[string, RegExp]>([
    ['', /not be empty/],
    ['  ', /not be empty/],
    ['x'.repeat(101), /at most 100 characters/],
    ['ana\u001b[2J', /control/],
    ['ana\nbob', /control/],
    ['ana\u202e', /direction-changing/],
    ['\ud800', /well-formed/],
    [`${'x'.repeat(101)}\u202e`, /at most 100 characters[^]*direction-changing/],
  ])('rejects %j and lists every problem', (name, problem) => {
    expect(() => operatorName(name)).toThrow(problem);
  });
});

describe('the default name of the operator', () => {
  it('is the user and the host', () => {
    expect(defaultOperatorName({ USER: 'ana' })).toBe(`ana@${hostname()}`.slice(0, 100));
    expect(defaultOperatorName({ LOGNAME: 'bea' })).toBe(`bea@${hostname()}`.slice(0, 100));
    expect(defaultOperatorName({})).toMatch(/^[^@]+@./);
  });

  it('is always valid', () => {
    for (const user of ['\u001b[2Jana', 'ana\u202e', 'x'.repeat(300), '"', '\ud800', '😀'.repeat(80)]) {
      const name = defaultOperatorName({ USER: user });
      expect([name, nameProblem(name), name.length <= 100 && name.length > 0]).toEqual([name, null, true]);
    }
  });
});
