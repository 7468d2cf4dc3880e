import { describe, expect, it } from '@jest/globals';
import { withDatabase } from '../../bench/environment';

describe('withDatabase', () => {
  it('replaces or adds the database and keeps hosts, credentials and options', () => {
    expect(withDatabase('mongodb://127.0.0.1:27017/mir?directConnection=true', 'bench')).toBe(
      'mongodb://127.0.0.1:27017/bench?directConnection=true',
    );
    expect(withDatabase('mongodb://u:p@a:1,b:2/?replicaSet=rs', 'bench')).toBe(
      'mongodb://u:p@a:1,b:2/bench?replicaSet=rs',
    );
    expect(withDatabase('mongodb+srv://cluster.example', 'bench')).toBe('mongodb+srv://cluster.example/bench');
  });
});
