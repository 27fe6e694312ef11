import { applyRow } from '../applies.mjs'

const words = 'a 1 GB mixed tree of 100,500 entries'

export default [
  applyRow('mixed', words, 0.8, { memory: false, keep: true }),
  applyRow('mixed', words, 0.8, { memory: true, keep: true }),
]
