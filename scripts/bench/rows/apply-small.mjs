import { applyRow } from '../applies.mjs'

const words = '20,000 small files'

export default [
  applyRow('small', words, 0.8, { memory: false, keep: true }),
  applyRow('small', words, 0.8, { memory: true, keep: true }),
]
