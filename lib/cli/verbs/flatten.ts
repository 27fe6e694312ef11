import type { Verb } from '../verb.ts'

export const flatten: Verb = {
  name: 'flatten',
  summary: 'make one base layer of a layer and all below it',
  details: ['The new layer exists whole or not at all. The chain stays as it is, and is frozen meanwhile.'],
  arguments: [
    { name: '<id>', summary: 'the top of the chain', kind: 'layer' },
    { name: '<new>', summary: 'the new layer' },
  ],
  shape: '{ id, from }',
  async run(input, context) {
    const id = input.word('id')
    const made = input.word('new')
    await using driver = await context.open()
    await context.watchedTar(`flatten ${id}`, undefined, (options) => driver.flatten(id, made, options))
    return { data: { id: made, from: id }, text: () => made }
  },
}
