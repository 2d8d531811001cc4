/**
 * Milliseconds until the next question while something is wrong: 12 to 18 s, at
 * most 25 in the 5 minutes over which the firewall counts the requests of an
 * address, so that an office behind one address does not get itself blocked.
 * Chance keeps the pages of an outage from asking in step.
 */
export const retryDelay = () => 12_000 + 6_000 * Math.random();
