/** A process of its own that reads the file of copies named by its argument: a damaged one ends it, and nobody else. */
import { statSync } from 'node:fs'
import { CopyFile } from '../src/disk/copy-file'

const path = process.argv[2]!
const file = new CopyFile(path)
file.walk(statSync(path).size)
void file.close().then(() => process.exit(0))
