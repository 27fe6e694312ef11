// How much is tried, and where chance begins, as the environment says.

/** The big figures, for hours: `npm run test:long` sets GRAPHDRIVER_LONG. */
export const LONG: boolean = process.env['GRAPHDRIVER_LONG'] !== undefined

/** Why a case of the big figures is not tried, which it is for what `why` says; undefined when it is tried. */
export function unlessLong(why: string): string | undefined {
  return LONG ? undefined : `${why}: it is in npm run test:long`
}

/** How many times as long everything takes here, on an emulated processor. */
export const SLOWNESS: number = Number(process.env['GRAPHDRIVER_SLOW'] ?? 1)

/** The seed of what is tried at random: a suite's usual one, or GRAPHDRIVER_SEED. */
export function seedOr(usual: number): number {
  return Number(process.env['GRAPHDRIVER_SEED'] ?? usual)
}
