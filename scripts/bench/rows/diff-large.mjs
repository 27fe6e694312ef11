import { fileRow, readRow } from '../diffs.mjs'

const words = '2 GB in 4 files'

export default [readRow('large', words, 1), fileRow('large', words, 1)]
