import { fileRow, readRow } from '../diffs.mjs'

const words = '20,000 small files'

export default [readRow('small', words, 0.9), fileRow('small', words, 0.9)]
