import { fileRow, readRow } from '../diffs.mjs'

const words = 'a mixed tree of 1 GB'

export default [readRow('mixed', words, 0.9), fileRow('mixed', words, 0.9)]
