// The live page as one self-contained document; its policy admits exactly this style and script.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { sha256 } from './html'

// The compiler copies no HTML, so the parts are read from the source folder.
const part = (name: string): string =>
  readFileSync(join(__dirname, '../../../examples/cluster-api/page', name), 'utf8')

const style = part('live.css')
const code = part('live.js')

export const LIVE_PAGE = part('live.html')
  .replace('/* style */', () => style)
  .replace('/* script */', () => code)

export const LIVE_POLICY = [
  "default-src 'none'",
  `style-src ${sha256(style)}`,
  `script-src ${sha256(code)}`,
  "connect-src 'self'",
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')
