import { convert as convertStore } from '../../index.ts'
import { count } from '../format.ts'
import type { Verb } from '../verb.ts'

export const convert: Verb = {
  name: 'convert',
  summary: 'turn a store of aufs into one of overlay, or back',
  details: [
    'Nobody may use the store meanwhile. What was interrupted is finished by the same command, or taken back by naming the other driver. An old Docker root with aufs layers is such a store, too.',
  ],
  options: [
    { flags: '--to <driver>', summary: 'what it becomes', choices: ['overlay', 'aufs'], required: true },
  ],
  shape: '{ from, to, layers, whiteouts, opaque, dropped }',
  interrupted: 'the same command goes on from there',
  async run(input, context) {
    const to = input.maybe('to') === 'aufs' ? 'aufs' : 'overlay'
    const data = await context.watched('convert', (update) =>
      convertStore(context.root, {
        to,
        signal: context.signal,
        ...(update && {
          onProgress: ({ layers, of }) =>
            update({ done: layers, of, words: count(layers, 'layer'), unit: 'layers' }),
        }),
      }),
    )
    const { from, layers, whiteouts, opaque } = data
    const said = `${count(layers, 'layer')} from ${from} to ${to}: ${count(whiteouts, 'whiteout')}, ${count(opaque, 'opaque directory', 'opaque directories')}`
    return { data, text: () => said }
  },
}
