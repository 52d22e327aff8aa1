/** The options of batches; part of the table in schema.ts. */
import { type Duration, parseDuration } from '../words/duration'
import { parseWhole } from './parsers'
import { option } from './spec'

export const BATCH = {
  /** Keys that one run of the factory is given at most. Default: as many as there are. */
  maxSize: option({
    type: 'number',
    levels: ['batch'],
    default: Number.MAX_SAFE_INTEGER,
    shownDefault: 'no bound',
    doc: 'Keys that one run of the factory is given at most. As soon as there are so many, nobody waits for more.',
    parse: (given: number, name) => parseWhole(given, name, 1, Number.MAX_SAFE_INTEGER),
  }),
  /** How long a load waits for others. Default 0: until the end of the turn of the event loop. */
  maxDelay: option({
    type: 'duration',
    levels: ['batch'],
    default: 0,
    shownDefault: '0',
    doc: 'How long a load waits for others to join it. 0: until the end of the turn of the event loop.',
    parse: (given: Duration, name) => parseWhole(Math.ceil(parseDuration(given, name)), name, 0, 86_400_000),
  }),
}
