import { applyRow } from '../applies.mjs'

const words = '2 GB in 4 files'

export default [
  applyRow('large', words, 1, { memory: false, keep: false }),
  applyRow('large', words, 1, { memory: true, keep: false }),
]
