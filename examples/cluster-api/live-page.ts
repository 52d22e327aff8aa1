// The live page as one self-contained document; its policy admits exactly this style and script.
import { join } from 'node:path'
import { readPage } from '../../src/cli/page/document'

const folder = join(__dirname, '../../../examples/cluster-api/page')

export const { html: LIVE_PAGE, policy: LIVE_POLICY } = readPage(folder, 'live')
