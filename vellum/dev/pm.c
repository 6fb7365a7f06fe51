/* SPDX-License-Identifier: MIT */
#include "../evloop.h"
#include "pm.h"

#define PM1_SCI_EN	0x0001u
#define PM1_SLP_TYP_SHIFT 10
#define PM1_SLP_TYP	0x1c00u
#define PM1_SLP_EN	0x2000u

#define PM1_STATUS_MASK	0x8731u	/* TMR BM GBL PWRBTN SLPBTN RTC WAK */
#define PM1_PWRBTN	0x0100u
#define PM1_ENABLE_MASK	0x0721u

/*
 * ICH9's SMI_EN.  There is no SMM; firmware that finds SMIs by the APM port
 * enabled takes it for set up and does not try.
 */
#define SMI_APMC_EN	0x20u

#define PM_TIMER_HZ	3579545ull

static uint32_t timer_value(void)
{
	uint64_t ns = ev_now();

	/* Seconds and rest apart, so that nothing overflows. */
	return (uint32_t)(ns / 1000000000 * PM_TIMER_HZ +
			  ns % 1000000000 * PM_TIMER_HZ / 1000000000);
}

static void update_sci(struct pm *p)
{
	irq_set(&p->sci, p->status & p->enable);
}

static void write_control(struct pm *p, uint16_t v)
{
	unsigned int type = (v & PM1_SLP_TYP) >> PM1_SLP_TYP_SHIFT;

	/* SLP_EN reads as zero; SCI_EN is fixed: no legacy mode to go to. */
	p->control = (v & (uint16_t)~PM1_SLP_EN) | PM1_SCI_EN;
	if (v & PM1_SLP_EN && (type == PM_S5_TYPE || type == PM_S5_ICH9))
		p->power_off(p->opaque);
}

/* Registers as bytes: the specification allows access in any width. */
static uint8_t read_byte(const struct pm *p, uint64_t offset)
{
	switch (offset) {
	case PM1_EVT: return (uint8_t)p->status;
	case PM1_EVT + 1: return (uint8_t)(p->status >> 8);
	case PM1_EVT + 2: return (uint8_t)p->enable;
	case PM1_EVT + 3: return (uint8_t)(p->enable >> 8);
	case PM1_CNT: return (uint8_t)p->control;
	case PM1_CNT + 1: return (uint8_t)(p->control >> 8);
	case PM_SMI_EN: return SMI_APMC_EN;
	default: return 0;
	}
}

static uint64_t pm_read(void *dev, uint64_t offset, unsigned int size)
{
	const struct pm *p = dev;
	uint64_t v = 0;
	unsigned int i;

	if (offset >= PM_TIMER && offset < PM_TIMER + PM_TIMER_LEN)
		return (uint64_t)timer_value() >> 8 * (offset - PM_TIMER);
	for (i = 0; i < size; i++)
		v |= (uint64_t)read_byte(p, offset + i) << 8 * i;
	return v;
}

static void write_byte(struct pm *p, uint64_t offset, uint8_t v)
{
	unsigned int shift = 8 * (offset & 1);
	uint16_t keep = (uint16_t)~(0xffu << shift);
	uint16_t new = (uint16_t)(v << shift);

	switch (offset & ~1ull) {
	case PM1_EVT:		/* write one to clear */
		p->status &= (uint16_t)~(new & PM1_STATUS_MASK);
		break;
	case PM1_EVT + 2:
		p->enable = ((p->enable & keep) | new) & PM1_ENABLE_MASK;
		break;
	case PM1_CNT:
		write_control(p, (p->control & keep) | new);
		break;
	default:
		break;		/* the timer is read-only */
	}
}

static void pm_write(void *dev, uint64_t offset, unsigned int size,
		     uint64_t value)
{
	struct pm *p = dev;
	unsigned int i;

	for (i = 0; i < size; i++)
		write_byte(p, offset + i, (uint8_t)(value >> 8 * i));
	update_sci(p);
}

const struct bus_ops pm_ops = { .read = pm_read, .write = pm_write };

void pm_reset(struct pm *p)
{
	p->status = p->enable = 0;
	p->control = PM1_SCI_EN;
	update_sci(p);
}

void pm_power_button(struct pm *p)
{
	p->status |= PM1_PWRBTN;
	update_sci(p);
}
